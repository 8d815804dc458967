"""The rooms of the house: imports point one way, and the pure ones stay pure."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "daemon" / "nas2fa"
MODULES = sorted(p for p in PACKAGE.rglob("*.py"))

COMMON = {"", "errors", "steps", "texts", "shown", "paths", "network", "rules"}  # "" is nas2fa/__init__.py
ALLOWED = {
    "errors": set(),
    "steps": {"store.records"},
    "texts": {"errors"},
    "shown": set(),
    "network": set(),
    "interfaces": {"network"},
    "rules": {"network"},
    "paths": set(),
    "config": {"errors", "paths", "store.files", "config", "network", "rules"},
    "audit": {"shown", "events"},
    "events": set(),
    "factors": {"errors", "factors", "store.records"},
    "clock": {"store.records", "errors", "clock"},
    "store": {"errors", "paths", "store", "shown"},
    "login": COMMON | {"login", "factors", "store.records", "clock.phones"},
    "enrolment": COMMON | {"enrolment", "login", "factors", "store.records"},
    "control": COMMON | {"control", "clock.words", "activated"},
    "activation": COMMON | {"activation", "control", "config"},
    "cli": COMMON | {"cli", "control", "activation"},
    "activated": set(),
    "signin": COMMON | {"signin", "control", "interfaces", "activated"},
    "smb": COMMON | {"smb", "control", "activated"},
    "courier": COMMON | {"courier", "control", "activated", "clock.words"},
    "server": COMMON
    | {"server", "control", "login", "enrolment", "factors", "store", "clock", "config"}
    | {"audit", "events", "interfaces"},
    "": set(),
}
PURE = ("login", "factors", "steps", "errors", "texts", "shown", "network", "rules", "store.records")
PURE += ("control.codec", "control.verbs", "control.smb", "smb.status", "smb.ending")
PURE += ("control.courier", "clock.words", "clock.verdict", "clock.telling", "clock.phones", "clock.floor")
PURE += ("courier.servers", "courier.choice", "courier.packets")
IMPURE = {"os", "socket", "time", "logging", "asyncio", "subprocess", "threading", "select", "systemd", "io"}
OUTSIDE = {
    "cli": {"click", "segno", "systemd"},
    "activation": {"systemd"},
    "signin": {"pamela"},
    "courier": {"ntplib"},
    "factors": {"pyotp"},
    "server": {"systemd"},
    "audit": {"systemd"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            folder = PACKAGE.parent / base.replace(".", "/")
            submodules = {f"{base}.{alias.name}" for alias in node.names if (folder / f"{alias.name}.py").exists()}
            found |= submodules or {base}
    return found


def within(name: str, rooms: set[str]) -> bool:
    return name in rooms or any(room and name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    room = name_of(path).partition(".")[0]
    inside = {i.removeprefix("nas2fa").lstrip(".") for i in imports_of(path) if i.partition(".")[0] == "nas2fa"}
    wrong = {i for i in inside if i and not within(i, ALLOWED[room])}
    assert not wrong


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_pure_rooms_touch_nothing(path: Path) -> None:
    if within(name_of(path), set(PURE)):
        assert not {i.partition(".")[0] for i in imports_of(path)} & IMPURE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_outside_libraries_stay_in_their_rooms(path: Path) -> None:
    room = name_of(path).partition(".")[0]
    tops = {i.partition(".")[0] for i in imports_of(path)} - {"nas2fa", "__future__"}
    assert tops - set(sys.stdlib_module_names) <= OUTSIDE.get(room, set())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300

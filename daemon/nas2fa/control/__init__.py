"""How the command speaks to the daemon: docs/protocol.md, part 2. All pure but client."""

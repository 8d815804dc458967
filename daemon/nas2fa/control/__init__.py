"""How the command speaks to the daemon: docs/protocol.md, part 2. Codec, messages and table are pure; client is not."""

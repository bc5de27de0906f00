"""What moves events in and messages out: asyncio around the engine, naming ports, never vendors."""

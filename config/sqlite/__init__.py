"""Django's SQLite, where a page waits for a worker's chunk no longer than the chunk takes."""

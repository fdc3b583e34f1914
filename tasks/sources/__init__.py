"""Which code and which files a result depends on."""

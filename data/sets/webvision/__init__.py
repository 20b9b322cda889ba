"""WebVision, and any crawl that is laid out like it."""

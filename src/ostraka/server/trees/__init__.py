"""Open-Assistant's REST protocol, `/api/v1/…`, for clients that grow conversation trees."""

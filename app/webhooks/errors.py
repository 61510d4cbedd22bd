from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class WebhookNotFound(NotFound):
    title = "Webhook not found"
    code = "webhook-not-found"


class DeliveryNotFound(NotFound):
    title = "Delivery not found"
    code = "delivery-not-found"


class WebhookAddressInvalid(Invalid):
    title = "Address not accepted"
    code = "webhook-address-invalid"


class WebhookEventsInvalid(Invalid):
    title = "Events not accepted"
    code = "webhook-events-invalid"


class WebhookPaused(Conflict):
    title = "Webhook paused"
    code = "webhook-paused"


class WebhooksUnavailable(Conflict):
    title = "Webhooks not set up"
    code = "webhooks-unavailable"


class TooManyWebhooks(Conflict):
    title = "Too many webhooks"
    code = "too-many-webhooks"

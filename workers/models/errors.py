"""What can be wrong with a model specification or with a file of weights."""

from app.errors import Invalid


class ModelUnknown(Invalid):
    title = "Model unknown"
    code = "model-unknown"


class ModelArgsInvalid(Invalid):
    title = "Model arguments invalid"
    code = "model-args-invalid"


class ModelFactoryBroken(Invalid):
    """An operator's factory cannot be imported, or does not give a module."""

    title = "Model factory broken"
    code = "model-factory-broken"


class LossUnknown(Invalid):
    title = "Loss unknown"
    code = "loss-unknown"


class OutputsUnfit(Invalid):
    """The model's outputs do not fit the targets of the loss."""

    title = "Outputs do not fit the targets"
    code = "outputs-unfit"


class WeightsUnreadable(Invalid):
    """Damaged, cut short, or no file of weights."""

    title = "Weights unreadable"
    code = "weights-unreadable"


class WeightsRefused(Invalid):
    """Holds more than tensors: reading it could run code, so nothing of it is read."""

    title = "Weights refused"
    code = "weights-refused"


class WeightsUnfit(Invalid):
    title = "Weights do not fit the model"
    code = "weights-unfit"

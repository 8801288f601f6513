"""OpenVINO files: OpenVINO writes and runs them, NNCF quantises them."""

from tfseg.exporting.graph import saved_folder


def write(network, folder, config, frames):
    import openvino

    with saved_folder(network, config) as saved:
        model = openvino.Core().read_model(saved)
        if config.precision == "int8":
            import nncf

            dataset = nncf.Dataset(frames, lambda frame: {"images": frame})
            kept = nncf.IgnoredScope(names=_depthwise(model))
            model = nncf.quantize(model, dataset, subset_size=len(frames), ignored_scope=kept)
        openvino.save_model(
            model, folder / "model.xml", compress_to_fp16=config.precision == "float16"
        )


def _depthwise(model):
    """Names of the depthwise convolutions, which stay in float32.

    In int8 they damage masks (seen with OpenVINO 2026.4 and Fast-SCNN); they have few weights.
    """
    return [
        node.get_friendly_name()
        for node in model.get_ops()
        if node.get_type_name() == "GroupConvolution" and node.input(1).get_shape()[2] == 1
    ]


def read(file, precision="f32"):
    """Opens a file; `precision` is OpenVINO's name: "bf16" is faster on processors with it."""
    import openvino

    model = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    names = [output.any_name for output in model.outputs]

    def run(images):
        results = model({"images": images})
        return {name: results[name] for name in names}

    return run

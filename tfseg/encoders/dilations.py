"""The dilations of an encoder that keeps its resolution."""


def dilations_of(
    stride: int, blocks: int, output_stride: int, given: dict | None, *, strided: bool = True
) -> list[tuple[int, int]]:
    """For each block of a stage, the dilations of its first and its other convolutions.

    Args:
        stride: stride of the stage without dilation.
        given: stage (1 at stride 4, ..., 4 at 32) -> dilations of its blocks, repeated; for
            networks that need special ones.
        strided: whether the stage's first block would halve the map; as in torchvision, it then
            has the dilation of the stage before.
    """
    stage = stride.bit_length() - 2
    if given and stage in given:
        rates = given[stage]
        return [(rates[i % len(rates)],) * 2 for i in range(blocks)]
    here, before = max(1, stride // output_stride), max(1, stride // 2 // output_stride)
    first = before if strided else here
    return [(first, here), *[(here, here)] * (blocks - 1)]

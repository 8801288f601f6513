"""The command line: help, flags, and mistakes that are refused before any work starts."""

import pytest
from helpers.refusals import refused

import tfseg
from tfseg import config
from tfseg.cli import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_flag_and_default(command, capsys):
    import dataclasses

    main([command, "--help"])
    text = capsys.readouterr().out
    for field in dataclasses.fields(COMMANDS[command].config):
        assert f"--{field.name}=" in text
        assert not field.metadata["help"].startswith(("of ", "its ", "that ", "those "))
    assert "None" not in text


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"tfseg {tfseg.__version__}\n"


def test_help_lists_the_commands(capsys):
    main([])
    text = capsys.readouterr().out
    assert all(f"  {command} " in text for command in COMMANDS)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean train?"),
        (["train", "--epoch=3"], "did you mean --epochs"),
        (["train", "--epochs=many"], "--epochs=many: wanted a whole number"),
        (["train", "--epochs=0"], "--epochs=0: must be 1 or more"),
        (["train", "--epochs"], "--epochs needs a value"),
        (["train", "--learning_rate_init=fast"], "wanted a number"),
        (["train", "--gpu=one"], "GPU numbers like 0 or 0,1, or -1 for the CPU"),
        (["train", "--crop_size=360"], "a size like 360x480"),
        (["train", "--scale=2,1"], "the smaller first"),
        (["train", "--optimizer=adamm"], "choose one of rmsprop, adam, adamw, sgd"),
        (["train", "--keep=some"], "a number from 1 up, or all"),
        (["train", "--skip_head=maybe"], "True or False"),
        (["train", "--augment=rotat"], "did you mean rotate"),
        (["train", "--augment=blur=-1"], "blur=-1: wanted largest sigma, pixels"),
        (["train", "streets"], "write flags as --name=value"),
        (["train", "--gpu=3"], "--gpu=3 does not exist; GPUs here: none"),
        (["train", "--gpu=-1", "--input=/nowhere"], "--input=/nowhere does not exist; make some"),
        (["convert"], "convert needs --dataset"),
        (["convert", "--dataset=camvid"], "needs --source"),
        (["convert", "--dataset=camvid", "--source=/nowhere"], "--source=/nowhere is not a folder"),
        (
            ["convert", "--dataset=streets", "--mapping=elab"],
            "--mapping is not an option of --dataset=streets",
        ),
        (["convert", "--dataset=folder", "--source=/nowhere"], "needs --source=FOLDER with one of"),
        (["convert", "--dataset=streets", "--download"], "must be downloaded by hand"),
        (["convert", "--splits=train,,val"], "--splits=train,,val: wanted names like train,val"),
        (["convert", "--dataset=streets", "--splits=dev"], "no split 'dev'; there are train, val"),
        (["train", "--input_weights=1,0"], "--input_weights=1,0: wanted numbers above zero"),
        (["train", "--gpu=-1", "--input_weights=1,2"], "--input_weights is for several data sets"),
        (["inspect", "--input=/nowhere"], "--input=/nowhere does not exist; make some"),
        (["inspect", "--augment=rotat"], "did you mean rotate"),
        (["test", "--gpu=-1"], "which run? --run=FOLDER"),
        (["test", "--gpu=-1", "--run=/nowhere"], "/nowhere is not a run"),
        (["convert", "--dataset=foo"], "there are: ade20k, camseq01, camvid, cityscapes, class_m"),
        (
            ["convert", "--dataset=camvit"],
            "camvid or cvat or vkitti? there are: ade20k",
        ),
        (["predict", "--run=/nowhere"], "predict needs --input"),
        (["export", "--run=/nowhere"], "export needs --output"),
        (["plot"], "which run? --run=FOLDER"),
        (["plot", "--run=/nowhere"], "/nowhere is not a run"),
        (["plot", "--run=a,,b"], "--run=a,,b: wanted folders like runs/a,runs/b"),
    ],
)
def test_mistakes_end_in_one_line(argv, message, capsys):
    assert message in refused(capsys, *argv)


def test_flags_reach_the_config_as_typed():
    parsed = config.TrainConfig.of(
        **{"gpu": "0,1", "resume": "2024", "crop_size": "360x480", "keep": "all", "ema": "0.99"}
    )
    assert parsed.gpu == (0, 1)
    assert str(parsed.resume) == "2024"
    assert parsed.crop_size == (360, 480)
    assert parsed.keep == "all"
    assert parsed.ema == 0.99


def test_config_round_trip(tmp_path):
    first = config.TrainConfig.of(**{"gpu": "-1", "scale": "0.5,2", "input": "x", "keep": "3"})
    first.save(tmp_path / "config.json")
    assert config.TrainConfig.load(tmp_path / "config.json") == first

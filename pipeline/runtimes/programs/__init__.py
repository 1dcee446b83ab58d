"""One file for each independent program that can run our files; `pipeline/runtimes/discovery.py` finds them.

Such a file is used in two places. This program imports it to learn the name of the runtime, what it reads, and where to
search for it. `serve.py` runs the same file inside the interpreter that has the runtime, which may be Python 3.7
without this package; at its top, the file may therefore import only the standard library.

    NAME = "Caffe"                     its name in reports and for `--runtime`
    READS = ("caffe",)                 which artifacts: "t7", "caffe", "caffe2"
    VARIABLE = "CAFFE_PYTHON"          the environment variable that names interpreters with it, separated by `:`
    RECIPES = ((python, version, packages), ...)      ways to install it, the best first
    ADVICE = "pip install ..."         how to get it, if there is no recipe
    PADS_SHAPES = True                 its outputs may have additional axes of size 1
    OPINIONS = ("t7",)                 the formats that it partly guesses: its results are shown, but fail no run
    EXECUTES = True                    it runs code in a file, so it is used only if the user names it
    installed(site)                    its version by the files in a folder of packages; None if it is not there; "" if
                                       only the runtime itself knows; raises ImportError if it cannot be used
    doubt(reads, files)                why its results for these files must be ignored; "" if they are reliable

    version()                          inside: its version; raises ImportError if it cannot be imported
    load(files)                        inside: a net of the files, by role; may raise anything
    run(net, feeds, wanted)            inside: {blob: array} with at least the wanted, for feeds [(blob, array)]

Required are NAME, READS, VARIABLE, a recipe or ADVICE, and the three functions at the end, which run inside the
interpreter of the runtime. Without `installed`, the runtime is no Python module: then the interpreter of this program
runs the file, which starts the runtime itself.
"""

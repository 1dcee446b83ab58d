"""One file for each independent program that can run our files; `pipeline/runtimes/discovery.py` finds them.

Such a file is used in two places. This program imports it to learn the name of the runtime, what it reads, and where to
search for it. `serve.py` runs the same file inside the interpreter that has the runtime, which may be Python 3.7
without this package; at its top, the file may therefore import only the standard library.

    NAME = "Caffe"                     what reports call it, and `--runtime`
    READS = ("caffe",)                 which artifacts: "t7", "caffe", "caffe2"
    VARIABLE = "CAFFE_PYTHON"          the environment variable that names interpreters with it, separated by `:`
    RECIPES = ((python, version, packages), ...)      how to install it, the best first
    ADVICE = "pip install ..."         how to get it, where there is no recipe
    PADS_SHAPES = True                 it gives outputs axes of 1 that are not theirs
    OPINIONS = ("t7",)                 the formats about which it guesses: what it says is shown, and fails no run
    EXECUTES = True                    it runs code that is in a file, so it is asked only where somebody names it
    installed(site)                    its version by the files in a folder that Python imports from; None if it is not
                                       there, "" if only the program itself can tell; ImportError says why it is no use
    doubt(reads, files)                why its word on these files is worth nothing; "" where it is to be believed

    version()                          inside: its version; ImportError where it cannot be imported
    load(files)                        inside: a net of the files, by role; raises what it likes
    run(net, feeds, wanted)            inside: {blob: array} at least of the wanted, for feeds of [(blob, array)]

Only NAME, READS, VARIABLE, a recipe or ADVICE, and the three functions at the end are required. Without `installed` it
is no module of Python: this one runs the file, which starts the program itself.
"""

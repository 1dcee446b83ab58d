"""One file a program that somebody else wrote and that can run our files; `pipeline/runtimes/discovery.py` finds them.

Such a file has two sides. This program imports it to learn what the other one is called, what it reads and where to
look for it. `serve.py` then runs the same file inside the interpreter where it was found, which may be a Python as old
as 3.7 without this package: at its top, it imports the standard library only.

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

// Package jupyter sets up Jupyter with the GoNB kernel, and runs notebooks in it.
//
// Everything lies in the folder jupyter of Lemonade's data folder (package
// [home]), and nothing is written elsewhere: a Python environment (venv), the
// gonb and goimports binaries (bin), and Jupyter's own folders (config, runtime,
// ipython, and a data folder with the kernelspec for each clone of the module).
// The versions are pinned: the Python packages here, the Go tools in go.mod.
//
// [Ensure] prepares all that once, [Env.Execute] runs a notebook from its first
// cell to its last without a browser, and [Env.Lab] opens JupyterLab.
package jupyter

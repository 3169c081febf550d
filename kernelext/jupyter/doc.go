// Package jupyter sets up Jupyter with a kernel that runs Go, and runs notebooks in
// it.
//
// There are two kernels: "Go (Lemonade)", which is GoNB with the magic %lemonade
// (package kernel), and GoNB itself, "Go (gonb)". A notebook's metadata say which
// one it is for; one without the magic runs in either.
//
// Everything lies in the folder jupyter of Lemonade's data folder (package
// [home]), and nothing is written elsewhere: a Python environment (venv), the
// gonb and goimports binaries (bin), and Jupyter's own folders (config, runtime,
// ipython, and a data folder with the kernels for each clone of the module). The
// versions are pinned: the Python packages here, the Go tools in go.mod. The
// Lemonade kernel is built anew when the module's source has changed.
//
// [Ensure] prepares all that once, [Env.Execute] runs a notebook from its first
// cell to its last without a browser, and [Env.Lab] opens JupyterLab.
package jupyter

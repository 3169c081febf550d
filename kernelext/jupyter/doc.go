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
// cell to its last without a browser, [Env.Lab] opens JupyterLab, and [Env.Export]
// writes the page of a notebook as it was saved there.
//
// # False successes
//
// A kernel counts some cells as good that have gone wrong, such as a shell command
// that fails; Execute does not. What it looks at is in execute.py, and the tests have
// a cell of each kind for both kernels.
//
// # Outputs in a repository
//
// [Keep] puts the outputs of an executed notebook into the notebook, as they are
// without scripts, and [Fresh] tells whether they are still of its sources.
//
// # How long cells take
//
//	go test -run - -bench Cell -benchtime 1x ./kernelext/jupyter
//
// has a warm kernel run each of them seven times. On two cores of an AMD EPYC, with
// precedence (nice -10) over other programs that kept them busy, the medians were
// 0.23 s for a cell that says hello, 0.22 s for %lemonade show, and 1.3 s for one that
// opens a study and shows it; of these, 1.1 s are the Go linker's. It was 2.4 s while
// the kernel had the go command ask the module proxy before each such cell.
package jupyter

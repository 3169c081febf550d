// Package kernel is the Jupyter kernel "Go (Lemonade)": GoNB, with a magic for
// Lemonade's own commands.
//
// It is a proxy that speaks Jupyter's protocol on both sides: to Jupyter it is a
// kernel, to an unmodified gonb, which it starts as its child, it is Jupyter.
// Messages pass as they are, in both directions, except for these:
//
//   - A cell that begins with %lemonade is rewritten into Go that has this command
//     call kernelext.Main with the line's words. Front ends still see the text that
//     was typed. ${LEMONADE_NAME} and ${LEMONADE_NAME:-default} in it are taken from
//     the environment, as a shell does.
//   - Completion and inspection on such a line are answered from the command table.
//   - A cell that did not do what it says is an error, also where GoNB says that all
//     is well: an unknown magic, a shell command that was interrupted, a question to
//     the user where nobody can answer. A shell command that fails by itself is left
//     as GoNB has it, which is no error.
//   - A key that a cell has asked for by kernelext.Key is put into GoNB's environment,
//     for the cells after it, and taken out of whatever cells show from then on.
//   - Cells that wait behind one that failed are aborted, as Jupyter's protocol wants.
//   - An interrupt also reaches a compilation, and what a shell command has started.
//
// # Processes
//
// GoNB and the programs of cells are one process group. A guard, a process apart,
// kills that group when the kernel is gone, however it ended; and the kernel ends
// when the Jupyter that started it is gone. GoNB's sockets lie in a folder of their
// own, which only this user can open.
package kernel

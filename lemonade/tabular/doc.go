// Package tabular answers with the measurements of a published table in place of a
// training, so that a search is judged in seconds, with the true front known.
//
// The table is that of NAS-Bench-201: 15,625 cells, each written as
//
//	|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|
//
// which lists, for each node of the cell, the operation on the edge from each node
// before it. [Architecture] and [Choices] translate between this and what a program
// of the template arch.NASBench201 chooses. Accuracies and costs are read from CSV
// files by the names of their columns (see [Open]), so that any accuracy and any cost
// that somebody has measured for these cells can be searched.
//
// A [Table] is an evaluate.Evaluator. It goes by the choices of a job, not by its
// network: cells that are the same network under other names have rows of their own,
// as they were measured one by one.
package tabular

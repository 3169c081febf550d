// Package kernelext is what a GoNB notebook sees of Lemonade: charts, tables and
// a live view of a study while it runs.
//
// In a notebook cell:
//
//	kernelext.Run(ctx, study, lemonade.RunOptions{Trials: 6}) // with a live view
//	kernelext.Show(study)                                     // charts and a table
//	best, _ := study.Best()
//	kernelext.Show(best)                                      // one trial, explained
//	kernelext.Show(best.Program.Network)                      // its network, drawn
//
// Where there is no notebook the same calls print plain text, and [Page] writes
// the charts as a page of their own.
//
// # Charts
//
// A chart is described once (type chart). From it come the options of Apache
// ECharts, by go-echarts, and a still picture in SVG. What is displayed is the
// picture, with a script that puts the live chart in its place; so a chart can be
// seen where scripts are not run, such as in a notebook that is not trusted.
// ECharts itself is embedded (folder echarts, with its licence) and travels with
// the output: nothing is taken from the network.
//
// Texts that come from a language model or a file, such as programs, reasons and
// names, are escaped wherever they go.
package kernelext

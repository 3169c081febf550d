// Package kernelext is what a GoNB notebook sees of Lemonade: charts, tables and
// a live view of a study while it runs.
//
// In a notebook cell:
//
//	kernelext.Run(ctx, study, lemonade.RunOptions{Trials: 6}) // with a live view
//	kernelext.Show(study)                                     // charts, a table, costs and lessons
//	kernelext.Chart(study, "effects")                         // one chart
//	best, _ := study.Best()
//	kernelext.Explain(study, best.ID)                         // one trial: asked, expected, measured
//	kernelext.Show(best.Program.Network)                      // its network, drawn
//	kernelext.Show(study.Front())                             // what each step up the front costs
//	kernelext.Show(expert.AdviceOf(best))                     // what the expert system asked for
//	kernelext.Rules(study)                                    // its rule book, and how often each rule fired
//	kernelext.Baselines(ctx, study, lemonade.BaselineOptions{}) // hand-written networks beside it
//	kernelext.Final(ctx, study, lemonade.FinalOptions{})      // its front trained for long, and counted on the test split
//	kernelext.Show(study.Info())                              // its data set; a loaded one with its pictures
//
// Where there is no notebook the same calls print plain text, and [Page] writes
// the charts as a page of their own.
//
// # Commands
//
// [Command] is the one table of commands: the terminal has them as "lemonade show
// first", the kernel "Go (Lemonade)" as "%lemonade show first", and [Main] runs them
// in a cell of any kernel. Most are a call as well: [Run], [Try], [Baselines], [Final],
// [Rank], [Watch], [Show], [Explain], [Compare], [CompareStudies], [Choose], [Rules],
// [Export], [Import] and [Begin]. [Key] asks for the key of a language model where it is
// missing.
//
// Choosing and beginning speak plain words, for people who are not experts; "lemonade
// help glossary" has them beside those of the field. [Choose] says how it picks, and
// how much of a difference may be chance.
//
// # Measurements
//
// Wherever a metric is shown, its unit and its spread are: "3.4 ± 0.2 mJ", where ±
// is the sample standard deviation. ≈ stands before a value that no meter has read,
// being estimated or predicted, and † behind one that something weakens. The table
// of trials has the methods under its heads; ≠ marks a trial that was measured
// otherwise than its study states, which is why it is not ranked. The band of an
// estimate, the idle machine's part and the remarks are in the hover and in the
// table of a trial.
//
// # Costs and lessons
//
// The cost card sums what a study has used: energy, CO2e and time of the trainings
// by what was measured, and calls, tokens, dollars and time of the language model.
// A sum over fewer than all says how many are missing, and what nobody knows is
// "unknown", never 0. The factor between energy and CO2e stands beside it. The energy
// of a language model is not measured.
//
// A plan's expectations are held against the parent by [trial.Effect]: ✓ where the
// metric went the way that was expected, ✗ where it did not, – where nobody can tell.
//
// # Outside the search
//
// Baselines and finals are no trials. Baselines are shown in tables of their own, and in
// charts as black diamonds or dashed lines with their names; a final shows as the
// test_accuracy of the trial whose network it trained, the mean over its seeds.
//
// # A study that runs
//
// [Run] shows a study while it runs: a bar over all its trials, what happens now,
// the trade-off chart and the table, each in a display of its own that is updated in
// place. The time left is forecast from the pace of the latest trials and how far
// the training is, once there is ground for that. [Watch] shows the same of a study
// that another process runs, a terminal or another notebook. Interrupting ends the
// run within seconds and keeps everything; running the cell again goes on. The output
// is right whenever the notebook is saved, and stays so without the kernel.
//
// # Charts
//
// The trade-off of two metrics with the front and lines of equal effectiveness, the
// effectiveness and the hypervolume over the trials, all metrics in parallel
// coordinates, the effect of each command, learning curves, and a timeline. Pointing
// at a mark tells of its trial, clicking it shows the trial's card below the chart,
// and each chart can be saved as SVG and PNG: none of that asks the kernel.
//
// A chart is described once (type chart). From it come the options of Apache
// ECharts, with go-echarts, and a still picture in SVG. What is displayed is the
// picture, with a script that puts the live chart in its place; so a chart can be
// seen where scripts are not run, such as in a notebook that is not trusted. Both
// follow the theme, light or dark. ECharts itself, as much of it as is needed, is
// embedded (folder echarts, with its licences), and travels with the first chart of
// a notebook, 250 KB: nothing is taken from the network. What is told of the trials is
// compressed, about a kilobyte for each.
//
// Of a study of more than a thousand trials a mark stands for those that would lie on
// it, and the legend says how many; the front, the most effective and the first trial
// are always there. The page of ten thousand trials has 5 MB.
//
// Texts that come from a language model or a file, such as programs, reasons and
// names, are escaped wherever they go.
package kernelext

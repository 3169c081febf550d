// Package lemonade discovers neural networks that fit a device.
//
// A person states a task (a data set) and what they care about: accuracy,
// energy, latency, size and so on, each with a priority, perhaps with a target
// or a hard limit. An expert system turns the state of the search into commands;
// a proposer, usually a large language model, turns the commands into a network;
// the network is trained and measured in a process of its own; the measurements
// go back to the expert system. The method is that of LeMo-NADe (arXiv
// 2402.18443) and LEMONADE (Scientific Reports, 2025).
//
// # A study
//
// A [Study] is one such search. It lives on disk under its name, in one database
// per studies folder, and every step is written before its effect: a study that
// is killed at any moment goes on where it was.
//
//	study, err := lemonade.Open(ctx, "my-first", lemonade.Options{Data: "digits"})
//	…
//	defer study.Close()
//	err = study.Run(ctx, lemonade.RunOptions{Trials: 6})
//	best, ok := study.Best()
//
// Its options are fixed when it is created. Opening it again with another value
// is an error that names the option; leaving an option out takes the stored one.
// Only the number of trials may grow.
//
// # A trial
//
// One round of the loop is one [trial.Trial]. It begins with the expert system's
// commands, goes on with up to four attempts at a program (the first answer and
// three repairs, each with the exact error), and ends with its measurements or
// with the reason why there are none. When every attempt fails the rule book,
// which needs no language model, proposes in that round. A failure never ends a
// study. [Study.Try] makes a trial of a program that a person wrote.
//
// With [Options].Rungs a network is trained briefly first and for longer only where
// it is among the better ones: see [Rungs]. A trial that waits for that, perhaps in
// vain, is pruned.
//
// Nothing is trained twice. Within a study a network that is known is refused as a
// duplicate; across the studies of a folder the training with the same trial key is
// taken over, its measured figures only where they were obtained under the same
// [trial.Conditions]. Such a trial has [trial.Trial].Reused, and has cost this study
// nothing. Options.NoReuse switches that off.
//
// # Large studies
//
// Of a study of more than a thousand trials [Open] reads what tables and charts need,
// its outlines: see [Study.Outlines], [Study.Trial] and [Study.Trials].
//
// # Choosing
//
// [Study.Front] lists the trials that no other beats in accuracy and in energy at
// once, [Study.Best] the one of highest combined effectiveness under the wants,
// and [Study.Hypervolume] says how far the front has come.
//
// # Where things are
//
// The words are those of the field: package [arch] has architecture programs and
// networks, [objective] wants and fronts, [expert] the rule book, [propose] the
// proposers, [evaluate] the worker processes, [record] the database, and [trial]
// the nouns that they share. Nothing here links GoMLX: training happens in the
// worker, a binary that is built on first use.
package lemonade

// Package expert is the expert system: it turns the state of a search into
// commands for whoever proposes the next architecture.
//
// Its knowledge is a rule book, a YAML file that a person who does not program
// can read and change ([Default], [Load], [Parse]). A rule has a condition over the
// measurements of the search and the structure of the parent network, one or
// more of the papers' fifteen commands, and a reason in which the measurements
// are filled in. [RuleBook.Advise] then, in this order,
//
//  1. asks, in some rounds, for a complexity: a small, a medium or a large network;
//  2. picks the parent: the trial whose network is to be changed;
//  3. decides what this round works on, accuracy or cost;
//  4. fires the rules and ranks their commands;
//  5. drops what a stronger rule is against or undoes, what does not serve this
//     round, and what is too much for one round, each with the reason.
//
// All of it is deterministic: the same history gives the same advice.
//
// [Reference] documents every field, command and value, and lists the rules; it
// stands in REFERENCE.md.
//
// The commands and which of them oppose each other are the journal paper's
// (Table 3). When each fires, with which threshold, how the parent and the
// niche are picked and how conflicts are resolved could not be read there: that is
// our own.
package expert

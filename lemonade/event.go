package lemonade

import "github.com/lemo-nade/lemonade/lemonade/trial"

// Kind says what an [Event] tells.
type Kind string

// The kinds of events, in the order in which a trial has them. Where proposals
// overlap training, those of two trials alternate.
const (
	Note      Kind = "note"      // Text: a long step, or something out of the ordinary
	Began     Kind = "began"     // Trial: created, with its commands
	Reflected Kind = "reflected" // Trial: its Lessons were rewritten
	Asking    Kind = "asking"    // Trial, Text: the proposer that is being asked
	Answered  Kind = "answered"  // Trial: its last attempt has an outcome
	Progress  Kind = "progress"  // Trial, Progress: the worker's
	Ended     Kind = "ended"     // Trial: final, but for one that is promoted later
	Promoted  Kind = "promoted"  // Trial: about to be trained at its next rung, and to end again
)

// Event tells what a running study does.
type Event struct {
	Kind     Kind
	Trial    trial.Trial
	Progress *trial.Progress
	Text     string
	Trials   int // that the run goes to, as in RunOptions; 0 where it is not known
}

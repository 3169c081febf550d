// Package trial holds the nouns that both wings share: a trial and its
// attempts, the metrics and their measurements, a study's history, and the
// versioned messages between the searcher and its worker processes.
package trial

import (
	"slices"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// State says how far a trial or an attempt has come. The names are Optuna's
// where Optuna has one.
type State string

// The states.
const (
	Waiting    State = "waiting"    // created, not yet evaluated
	Running    State = "running"    // being evaluated
	Complete   State = "complete"   // trained and measured
	Pruned     State = "pruned"     // not promising enough for a longer training, so far
	Failed     State = "failed"     // evaluation failed; the reason says how
	Infeasible State = "infeasible" // breaks a hard limit, before training or after
	Duplicate  State = "duplicate"  // its trial key is known already
	Invalid    State = "invalid"    // no program, or one that does not parse
)

// Done reports whether the state is final.
func (s State) Done() bool { return s != Waiting && s != Running }

// The reasons why an evaluation fails. A reason may be followed by ": " and
// details.
const (
	OutOfMemory  = "out-of-memory"
	NaN          = "nan"
	Timeout      = "timeout"
	Crash        = "crash"
	CompileError = "compile-error"
	BadData      = "data"
	Interrupted  = "interrupted"
)

// ByHand is the proposer of a program that a person wrote.
const ByHand = "hand"

// Command is one instruction of the expert system to the proposer.
type Command struct {
	Code   string `json:"code"`   // of the papers' rule book: ACL, RCL, …
	Text   string `json:"text"`   // "add convolutional layer"
	Rule   string `json:"rule"`   // name of the rule that fired
	Reason string `json:"reason"` // in words, with the measurement behind it
}

// Exchange is one call of an LLM, without any secret.
type Exchange struct {
	Provider     string        `json:"provider,omitempty"` // the proposer that called: "openai", "gemini"
	Model        string        `json:"model"`
	Temperature  *float64      `json:"temperature,omitempty"` // nil where the server's own was used
	Prompt       []Message     `json:"prompt"`
	Answer       string        `json:"answer"`
	PromptTokens int           `json:"prompt_tokens"`
	AnswerTokens int           `json:"answer_tokens"`
	Replayed     bool          `json:"replayed,omitempty"` // taken from another study's record: nothing was spent
	Assumed      bool          `json:"assumed,omitempty"`  // the tokens are what was set aside for the call: the server told none
	Cost         *float64      `json:"cost,omitempty"`     // USD; nil where the model's price is unknown
	Duration     time.Duration `json:"duration"`           // ns
	Notes        []string      `json:"notes,omitempty"`    // what the server would not be told, and was left out
	Error        string        `json:"error,omitempty"`
}

// Message is one turn of a conversation with an LLM.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Plan is what a proposer says about its program.
type Plan struct {
	Rationale string            `json:"rationale,omitempty"`
	Changes   []string          `json:"changes,omitempty"`  // one for each command: which line changes, and how
	Expected  map[Metric]string `json:"expected,omitempty"` // Up, Down or Same, against the parent
}

// The effects that a [Plan] expects.
const (
	Up   = "up"
	Down = "down"
	Same = "same"
)

// Niche is a range of complexity that a round is asked for, so that a search does
// not always propose the same.
type Niche struct {
	Name string `json:"name"` // "small", "medium" or "large"
	Min  int64  `json:"min"`  // MACs
	Max  int64  `json:"max"`  // MACs; 0 where it is open
}

// Lessons are what an LLM has learned from a study's outcomes so far, in its own
// words.
type Lessons struct {
	Text     string    `json:"text"`
	Exchange *Exchange `json:"exchange,omitempty"`
}

// Dropped is a command that a rule asked for and that was left out of a round.
type Dropped struct {
	Command Command `json:"command"`
	Reason  string  `json:"reason"`
}

// Attempt is one answer of a proposer within a trial's round.
type Attempt struct {
	Turn     int       `json:"turn"` // 0 is the first answer, 1 to 3 are repairs
	Proposer string    `json:"proposer"`
	State    State     `json:"state"`            // Invalid, Infeasible, Duplicate or, by a forecast, Pruned; Complete where the program was accepted
	Reason   string    `json:"reason,omitempty"` // the exact error, as the proposer was told it; of an accepted program, what the proposer did
	Program  string    `json:"program,omitempty"`
	Hash     string    `json:"hash,omitempty"` // of the network, where it parsed
	Plan     *Plan     `json:"plan,omitempty"`
	Exchange *Exchange `json:"exchange,omitempty"`
}

// Trial is one round of a study's loop: the commands, the attempts at a
// program, and what was measured.
type Trial struct {
	ID            int                `json:"id"` // 1, 2, … within its study
	State         State              `json:"state"`
	Reason        string             `json:"reason,omitempty"`
	Proposer      string             `json:"proposer"` // whose program it is
	Parent        int                `json:"parent,omitempty"`
	Commands      []Command          `json:"commands"`
	Dropped       []Dropped          `json:"dropped,omitempty"`
	Niche         *Niche             `json:"niche,omitempty"`
	Lessons       *Lessons           `json:"lessons,omitempty"` // where they were rewritten before this round
	Attempts      []Attempt          `json:"attempts"`
	Program       *arch.Program      `json:"program,omitempty"` // the one that was accepted
	Hash          string             `json:"hash,omitempty"`    // network_hash
	Key           string             `json:"key,omitempty"`     // trial_key; with rungs that of the latest
	Costs         arch.Costs         `json:"costs"`
	Runs          int                `json:"runs"` // evaluations started; more than 1 after an interruption
	Metrics       Metrics            `json:"metrics,omitempty"`
	Curve         []Epoch            `json:"curve,omitempty"`
	Seconds       map[string]float64 `json:"seconds,omitempty"`       // of the evaluation, by phase
	Forecast      *Forecast          `json:"forecast,omitempty"`      // of the training, where it came past its first epoch
	Quality       *Quality           `json:"quality,omitempty"`       // nil where the network was not trained and measured
	Rungs         []Rung             `json:"rungs,omitempty"`         // its trainings, the shortest first; none where every network is trained in full at once
	Effectiveness *float64           `json:"effectiveness,omitempty"` // nil where it is unknown
	Weights       string             `json:"weights,omitempty"`       // file of the trained weights, where they are kept
	Conditions    *Conditions        `json:"conditions,omitempty"`    // that the measured figures hold for; nil where there are none, or not the same for all
	Reused        *Source            `json:"reused,omitempty"`        // where they were taken over from, of the latest rung; nil where the network was trained
	Started       time.Time          `json:"started"`
	Ended         time.Time          `json:"ended,omitzero"`
	Brief         bool               `json:"-"` // it is an outline: see [Trial.Outline]
}

// Outline returns the trial without what only a look at it alone needs, and what takes
// the most room: the commands that were dropped, the results class by class, the texts
// of answers and of exchanges with a language model, and unless programs is set the
// program and the learning curve.
func (t Trial) Outline(programs bool) Trial {
	t.Brief = true
	t.Dropped, t.Quality = nil, nil
	if !programs {
		t.Program, t.Curve = nil, nil
	}
	t.Attempts = slices.Clone(t.Attempts)
	for i := range t.Attempts {
		a := &t.Attempts[i]
		a.Program, a.Exchange = "", a.Exchange.outline()
	}
	if t.Lessons != nil {
		t.Lessons = &Lessons{Text: t.Lessons.Text, Exchange: t.Lessons.Exchange.outline()}
	}
	return t
}

func (x *Exchange) outline() *Exchange {
	if x == nil {
		return nil
	}
	short := *x
	short.Prompt, short.Answer = nil, ""
	return &short
}

// Epoch is one row of a learning curve.
type Epoch struct {
	Epoch         int     `json:"epoch"` // from 1
	Loss          float64 `json:"loss"`  // mean training loss
	TrainAccuracy float64 `json:"train_accuracy"`
	Accuracy      float64 `json:"accuracy"` // on the validation split
	Seconds       float64 `json:"seconds"`  // since training began
}

// History is a study's trials in the order of their ids.
type History []Trial

// Complete returns the trials that were trained and measured and break no limit.
func (h History) Complete() History {
	n := 0
	for i := range h {
		if h[i].State == Complete {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make(History, 0, n)
	for i := range h {
		if h[i].State == Complete {
			out = append(out, h[i])
		}
	}
	return out
}

// Measured returns the trials that were trained and measured, in full or at a rung,
// and break no limit. Those of different rungs do not compare: see [History.Level].
func (h History) Measured() History {
	var out History
	for _, t := range h {
		if t.State == Complete || t.State == Pruned {
			out = append(out, t)
		}
	}
	return out
}

// Lessons returns the latest lessons, "" where there are none.
func (h History) Lessons() string {
	for i := len(h) - 1; i >= 0; i-- {
		if l := h[i].Lessons; l != nil && l.Text != "" {
			return l.Text
		}
	}
	return ""
}

// ByID returns the trial of that id.
func (h History) ByID(id int) (Trial, bool) {
	if id >= 1 && id <= len(h) && h[id-1].ID == id { // as in a study that is whole
		return h[id-1], true
	}
	for _, t := range h {
		if t.ID == id {
			return t, true
		}
	}
	return Trial{}, false
}

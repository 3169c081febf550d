package propose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// NewReplay makes the proposer "replay": it repeats what a study recorded, turn by
// turn, and asks nobody. Among the turns are those in which the rule book stepped
// in for a language model, so none is needed behind it. [New] does not make it,
// since it takes a study's history and no [Options].
func NewReplay(h trial.History) Replayer { return &replay{h} }

type replay struct{ history trial.History }

func (replay) Name() string { return "replay" }

// Turns is 0 for a trial that is not there.
func (p replay) Turns(id int) int {
	turns := 0
	t, _ := p.history.ByID(id)
	for _, a := range t.Attempts {
		turns = max(turns, a.Turn+1)
	}
	return turns
}

// Propose answers with what was recorded for the request's trial and turn, and
// with the recorded failure where that turn had no answer. The rest of the request
// only serves to note where a language model would be told something else today.
func (p replay) Propose(ctx context.Context, r Request) (Proposal, error) {
	if err := ctx.Err(); err != nil {
		return Proposal{}, err
	}
	a, ok := p.attempt(r.Trial, r.Turn)
	if !ok {
		return Proposal{}, fmt.Errorf("replay: turn %d of trial %d was not recorded: replay the study with the same options and the same version of this program", r.Turn, r.Trial)
	}
	out := Proposal{Source: a.Program, Plan: a.Plan, Exchange: copied(a.Exchange)}
	x := out.Exchange
	switch {
	case a.Program == "" && x == nil: // nothing was sent
		return out, errors.New(a.Reason)
	case a.Program == "" && x.Answer == "" && x.Error == a.Reason:
		return out, &CallError{Exchange: x, text: a.Reason}
	case a.Program == "" && x.Answer == "": // cut off in thought, for example
		return out, errors.New(a.Reason)
	case a.State == trial.Complete:
		out.Note = a.Reason // what the proposer did: nothing was wrong
		t, _ := p.history.ByID(r.Trial)
		out.Parent = cmp.Or(t.Parent, -1)
	case x != nil:
		out.Note = x.Error
	}
	if x != nil {
		out.Note = compare(out.Note, x.Prompt, r)
	}
	return out, nil
}

// attempt finds a turn. Of two it is the later one: what followed was told of it.
func (p replay) attempt(id, turn int) (trial.Attempt, bool) {
	t, _ := p.history.ByID(id)
	for _, a := range slices.Backward(t.Attempts) {
		if a.Turn == turn {
			return a, true
		}
	}
	return trial.Attempt{}, false
}

// Reflect answers with the lessons that were recorded for the request's trial,
// with none where it has none, and with a [CallError] where they could not be had.
func (p replay) Reflect(ctx context.Context, r Request) (trial.Lessons, error) {
	if err := ctx.Err(); err != nil {
		return trial.Lessons{}, err
	}
	t, _ := p.history.ByID(r.Trial)
	if t.Lessons == nil {
		return trial.Lessons{}, nil
	}
	out := trial.Lessons{Text: t.Lessons.Text, Exchange: copied(t.Lessons.Exchange)}
	if x := out.Exchange; out.Text == "" && x != nil && x.Error != "" {
		return out, &CallError{Exchange: x, text: x.Error}
	}
	return out, nil
}

func copied(x *trial.Exchange) *trial.Exchange {
	if x == nil {
		return nil
	}
	c := *x
	c.Replayed = true
	c.Prompt, c.Notes = slices.Clone(x.Prompt), slices.Clone(x.Notes)
	return &c
}

const promptChanged = "the text of the prompt has changed since it was recorded"

// compare adds to a note that the prompt of the request would be another today, in
// either format of answers.
func compare(note string, prompt []trial.Message, r Request) string {
	for _, format := range []string{formatFenced, formatJSON} {
		if now, err := messages(r, format); err == nil && slices.Equal(now, prompt) {
			return note
		}
	}
	switch {
	case strings.HasSuffix(note, promptChanged):
		return note
	case note == "":
		return promptChanged
	}
	return note + "; " + promptChanged
}

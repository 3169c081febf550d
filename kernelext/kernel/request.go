package kernel

import (
	"encoding/json"
	"regexp"
	"strings"
)

// request is a cell to be executed.
type request struct {
	msg message

	Code        string `json:"code"`
	Silent      bool   `json:"silent"`
	AllowStdin  bool   `json:"allow_stdin"`
	StopOnError bool   `json:"stop_on_error"`

	program     *string // what GoNB gets in place of the code
	fault       *fault  // why the cell is an error whatever GoNB says
	interrupted bool    // somebody wanted it to end

	keyOf string            // variable whose key it asks for
	keys  map[string]string // that were given

	reply, idle *message // GoNB's last words
}

// newRequest takes a request; self is the path of this command.
func newRequest(m message, self string) *request {
	r := &request{msg: m, StopOnError: true}
	_ = json.Unmarshal(m.parts[partContent], r) // GoNB answers what makes no sense
	calls, err := parseCell(r.Code)
	switch {
	case err != nil:
		// GoNB gets an empty cell, which it counts in its turn.
		r.program, r.fault = new(string), &fault{name: "UsageError", text: err.Error()}
	case calls != nil:
		text := program(self, calls)
		r.program = &text
	}
	return r
}

// forward is the request that GoNB gets.
func (r *request) forward() message {
	if r.program == nil {
		return r.msg
	}
	return r.msg.with(map[string]any{"code": *r.program})
}

// fault is why a cell is an error although GoNB counts it as good.
type fault struct {
	name, text string
	first      bool // an error that GoNB has of its own follows from it
}

func (f *fault) content() map[string]any {
	return map[string]any{"ename": f.name, "evalue": f.text, "traceback": []string{f.name + ": " + f.text}}
}

var (
	// GoNB says so, and nothing else in the same message, where it knows no magic
	// of that name.
	unknownMagic = regexp.MustCompile(`^"%(\S+)" unknown or not implemented yet\.$`)
	// And so where what ran was interrupted, for which it then gives no error where
	// that was a shell command.
	interruptedLine = regexp.MustCompile(`^\^C\n(?:signal: .+|exit status \d+)\n$`)
)

// watch looks at what GoNB publishes while the cell runs, and reports whether to
// pass it on now.
func (r *request) watch(m *message) bool {
	switch m.head.Type {
	case "execute_input":
		*m = m.with(map[string]any{"code": r.Code})
	case "status":
		if m.state() == "idle" {
			r.idle = m
			return false
		}
	case "error":
		if r.fault != nil && r.fault.first {
			return false
		}
	case "stream":
		name, text := m.stream()
		if name != "stderr" || r.fault != nil {
			break
		}
		if found := unknownMagic.FindStringSubmatch(text); found != nil && r.hasSpecial(found[1]) {
			r.fault = &fault{name: "UsageError", text: "there is no magic %" + found[1] + ": %help lists GoNB's, " + magic + " Lemonade's"}
		} else if r.interrupted && interruptedLine.MatchString(text) {
			r.fault = &fault{name: "Interrupted", text: strings.TrimSpace(strings.TrimPrefix(text, "^C\n"))}
		}
	}
	return true
}

// hasSpecial reports whether the cell has a line with that magic: its program may
// say what it likes.
func (r *request) hasSpecial(name string) bool {
	for line := range strings.SplitSeq(r.Code, "\n") {
		if rest, ok := strings.CutPrefix(special(line), "%"); ok {
			if words := strings.Fields(rest); len(words) > 0 && words[0] == name {
				return true
			}
		}
	}
	return false
}

// verdict is the reply to whoever asked for the cell, and the error that is to be
// shown with it where GoNB has shown none.
func (r *request) verdict() (reply message, wrong *fault) {
	if r.fault == nil || (r.reply.status() != "ok" && !r.fault.first) {
		return *r.reply, nil
	}
	fields := r.fault.content()
	fields["status"] = "error"
	return r.reply.with(fields), r.fault
}

func (m message) status() string {
	var content struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(m.parts[partContent], &content)
	return content.Status
}

func (m message) state() string {
	var content struct {
		State string `json:"execution_state"`
	}
	_ = json.Unmarshal(m.parts[partContent], &content)
	return content.State
}

func (m message) stream() (name, text string) {
	var content struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	_ = json.Unmarshal(m.parts[partContent], &content)
	return content.Name, content.Text
}

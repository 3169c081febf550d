package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse feeds programs to Parse: it must not panic, errors must name a
// place, and what parses must print to the same network.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.star")
	if err != nil || len(files) == 0 {
		f.Fatal("no programs", err)
	}
	for _, name := range append(files, "testdata/errors.txt", "testdata/errors_text.txt") {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range strings.Split(string(data), "\n== ") {
			_, rest, _ := strings.Cut(section, "\n")
			f.Add(rest)
		}
	}
	f.Add(fenced)
	f.Add(fenced + "choices = {\"depth\": 3, \"width9\": 8}\n")
	f.Add(NASBench201)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 || strings.Contains(source, "000000") {
			return // memory is the caller's business
		}
		var input Input = Shape{32, 32, 3}
		if strings.Contains(source, "embedding") || strings.Contains(source, "token_mask") {
			input = Tokens{64, 100}
		}
		p, err := Parse(source, input, 10)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "model.star:") {
				t.Errorf("the error names no place: %v", err)
			}
			if strings.Contains(err.Error(), "the interpreter failed") {
				t.Errorf("a panic: %v", err)
			}
			return
		}
		if len(p.Choices) > 0 {
			checkChoices(t, p, input)
		}
		printed := Print(p.Network, p.Recipe)
		again, err := Parse(printed, input, 10)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if p.Network.Hash() != again.Network.Hash() || p.Recipe != again.Recipe {
			t.Errorf("printing changed the program:\n%s", printed)
		}
	})
}

// checkChoices chooses what was taken, and then the last option of each: the same
// program, and one that takes them or does not run.
func checkChoices(t *testing.T, p *Program, input Input) {
	same, err := Choose(p.Source, p.Taken())
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Source)
	}
	again, err := Parse(same, input, p.Network.Classes)
	if err != nil {
		t.Fatalf("%v\n%s", err, same)
	}
	if d := cmp.Diff(p.Choices, again.Choices); d != "" || p.Network.Hash() != again.Network.Hash() || p.Recipe != again.Recipe {
		t.Fatalf("the same choices are another program: %s\n%s", d, same)
	}
	last := map[string]string{}
	for _, c := range p.Choices {
		last[c.Name] = c.Options[len(c.Options)-1]
	}
	other, err := Choose(same, last)
	if err != nil {
		t.Fatalf("%v\n%s", err, same)
	}
	if again, err = Parse(other, input, p.Network.Classes); err != nil {
		return
	}
	for _, c := range again.Choices {
		if want, ok := last[c.Name]; ok && c.Value() != want {
			t.Errorf("%s is %s, not %s\n%s", c.Name, c.Value(), want, other)
		}
	}
}

// FuzzChoose feeds texts and values to Choose: the statement that it writes is the
// one that it finds.
func FuzzChoose(f *testing.F) {
	f.Add(fenced, "depth", "2")
	f.Add(NASBench201, "edge0", `"none"`)
	f.Add("ü = 1; choices = {\r\n}\r\ny = '''\r'''", "a\n\"", "-1e-7")
	f.Add("choices = (1,\n2)[0] # x", "a", `'\u00e9'`)
	f.Fuzz(func(t *testing.T, source, name, value string) {
		taken := map[string]string{name: value}
		text, err := Choose(source, taken)
		if err != nil {
			return
		}
		again, err := Choose(text, taken)
		if err != nil || again != text {
			t.Errorf("chosen again: %v\n%q\n%q", err, text, again)
		}
		if want, got := statements(t, source), statements(t, text); got != want && got != want+1 {
			t.Errorf("%d statements became %d:\n%s", want, got, text)
		}
	})
}

func statements(t *testing.T, source string) int {
	t.Helper()
	file, err := dialect.Parse(fileName, strings.TrimPrefix(source, "\ufeff"), 0)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return len(file.Stmts)
}

// FuzzNetworkJSON feeds JSON to Network: what is accepted must be sound and
// survive the round trip.
func FuzzNetworkJSON(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no networks", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"language":1,"input":[8],"classes":2,"nodes":[{"op":"input","shape":[8]},{"op":"dense","inputs":[0],"attrs":{"units":2},"shape":[2]}]}`))
	f.Add([]byte(`{"language":1,"input":[8],"vocabulary":9,"classes":2,"nodes":[{"op":"input","shape":[8]},{"op":"embedding","inputs":[0],"attrs":{"dim":3,"vocabulary":9},"shape":[8,3]},{"op":"token_mask","inputs":[0],"shape":[8]},{"op":"lstm","inputs":[1,2],"attrs":{"units":2,"sequences":false},"shape":[2]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var n Network
		if json.Unmarshal(data, &n) != nil {
			return
		}
		if err := n.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(&n)
		if err != nil {
			t.Fatal(err)
		}
		var back Network
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if n.Hash() != back.Hash() {
			t.Errorf("the hash changed: %s", text)
		}
		_, _, _ = n.Summary(), n.Mermaid(), n.Costs()
	})
}

package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

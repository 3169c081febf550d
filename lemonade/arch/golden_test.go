package arch

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or rewrites the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; go test -update rewrites it):\n%s", path, diff)
	}
}

func parseFile(t *testing.T, name string, input Input, classes int) *Program {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", name+".star"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(string(source), input, classes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// programs are the golden programs with costs that were computed by hand from
// the layers' definitions.
var programs = []struct {
	name   string
	input  Input
	params int64
	macs   int64
}{
	{"residual", Shape{32, 32, 3}, residualParams, residualMACs},
	{"mobilenetv3", Shape{32, 32, 3}, mobileParams, mobileMACs},
	{"convnext", Shape{32, 32, 3}, convnextParams, convnextMACs},
	{"vit", Shape{32, 32, 3}, vitParams, vitMACs},
	{"review", Tokens{256, 20000}, reviewParams, reviewMACs},
}

// Sums layer by layer, in the order of the programs.
const (
	// conv 3x3 without bias: 9*in*out; batch_norm: 2*out; shortcut 1x1: in*out.
	residualParams = 9*3*32 + 64 +
		2*(9*32*32+64) +
		9*32*64 + 128 + 9*64*64 + 128 + 32*64 + 128 +
		9*64*128 + 256 + 9*128*128 + 256 + 64*128 + 256 +
		128*10 + 10
	residualMACs = 1024*9*3*32 + 2*1024*9*32*32 +
		256*(9*32*64+9*64*64+32*64) +
		64*(9*64*128+9*128*128+64*128) + 1280

	// stem; expand, depthwise 5x5 at stride 2, squeeze-excite, project; head.
	mobileParams = 9*3*16 + 32 +
		16*64 + 128 + 25*64 + 128 + 64*16 + 16 + 16*64 + 64 + 64*24 + 48 +
		24*72 + 144 + 25*72 + 144 + 72*18 + 18 + 18*72 + 72 + 72*24 + 48 +
		24*10 + 10
	mobileMACs = 1024*9*3*16 +
		1024*16*64 + 256*25*64 + 2*64*16 + 256*64*24 +
		256*24*72 + 256*25*72 + 2*72*18 + 256*72*24 + 240

	// 4x4 stem, norm; 7x7 depthwise, norm, dense x4, dense, layer scale; head.
	convnextParams = 48*48 + 48 + 96 +
		2*(49*48+48+96+48*192+192+192*48+48+48) +
		96 + 48*10 + 10
	convnextMACs = 64*48*48 + 2*64*(49*48+2*48*192) + 480

	// 4x4 patches of 64; class token, 65 positions; 2 blocks: attention with 4
	// heads of 16 and an MLP of 128; head.
	vitParams = 48*64 + 64 + 64 + 65*64 +
		2*(128+4*(64*64+64)+128+64*128+128+128*64+64) + 128 + 650
	vitMACs = 64*48*64 + 2*(4*65*64*64+2*65*65*64+2*65*64*128) + 640

	// embedding; conv1d, norm, pooling to 128; an lstm both ways, 2*24 channels; a
	// gru; attention with 4 heads of 12 over them; head on the last state of a gru.
	reviewParams = 20000*48 + 256*48 +
		5*48*48 + 48 + 96 +
		2*(48*96+24*96+96) +
		48*72 + 24*72 + 96 +
		4*(24*24+24) +
		24*48 + 16*48 + 64 +
		(16+24)*10 + 10
	reviewMACs = 256*5*48*48 +
		2*128*(48+24)*96 +
		128*(48+24)*72 +
		4*128*24*24 + 2*128*128*24 +
		128*(24+16)*48 + 400
)

func TestPrograms(t *testing.T) {
	for _, tt := range programs {
		t.Run(tt.name, func(t *testing.T) {
			p := parseFile(t, tt.name, tt.input, 10)
			n := p.Network
			c := n.Costs()
			if c.Params != tt.params {
				t.Errorf("params = %d, want %d", c.Params, tt.params)
			}
			if c.MACs != tt.macs {
				t.Errorf("macs = %d, want %d", c.MACs, tt.macs)
			}
			golden(t, tt.name+".printed", Print(n, p.Recipe))
			golden(t, tt.name+".summary", n.Summary())
			golden(t, tt.name+".mermaid", n.Mermaid())
			data, err := json.Marshal(n)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name+".json", strings.ReplaceAll(string(data), `{"op"`, "\n"+`{"op"`)+"\n")
			golden(t, tt.name+".hash", n.Hash()+"\n")

			again, err := Parse(Print(n, p.Recipe), n.Reads(), n.Classes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(n, again.Network); diff != "" {
				t.Errorf("printing and parsing changed the network:\n%s", diff)
			}
			if diff := cmp.Diff(p.Recipe, again.Recipe); diff != "" {
				t.Errorf("printing and parsing changed the recipe:\n%s", diff)
			}
		})
	}
}

func TestReference(t *testing.T) { golden(t, "reference.md", Reference()) }

// TestErrors runs the programs of two files, on an image and on a text: sections
// of "== name", the program, and the error in lines that begin with "-->".
func TestErrors(t *testing.T) {
	errorsOf(t, "errors.txt", Shape{32, 32, 3})
	errorsOf(t, "errors_text.txt", Tokens{256, 20000})
}

func errorsOf(t *testing.T, file string, input Input) {
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, section := range strings.Split("\n"+string(data), "\n== ")[1:] {
		name, rest, _ := strings.Cut(section, "\n")
		var source []string
		for _, line := range strings.Split(strings.TrimRight(rest, "\n"), "\n") {
			if !strings.HasPrefix(line, "-->") {
				source = append(source, line)
			}
		}
		text := strings.TrimRight(strings.Join(source, "\n"), "\n")
		_, err := Parse(text, input, 10)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "== %s\n%s\n", name, text)
		for _, line := range strings.Split(err.Error(), "\n") {
			if !strings.HasPrefix(line, "model.star:") {
				t.Errorf("%s: the error names no place: %s", name, line)
			}
			fmt.Fprintf(&out, "--> %s\n", line)
		}
	}
	golden(t, file, out.String())
}

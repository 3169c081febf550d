package propose

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

const stages = `def stage(x, filters):
    h = relu(batch_norm(conv(x, filters, kernel = 3)))
    h = relu(batch_norm(conv(h, filters, kernel = 3)))
    return max_pool(h, 2)

def network(x, classes):
    x = stage(x, 16)
    x = stage(x, 32)
    x = global_avg_pool(x)
    x = relu(dense(x, 40))
    return dense(x, classes)

def recipe():
    return training(batch_size = 64, learning_rate = 0.05)
`

// Every hint shows a line of the program, and offers all there are.
func TestHints(t *testing.T) {
	for code, want := range map[string][]string{
		"AMK": {"`x = stage(x, 16)` becomes `x = stage(x, 24)`", "`x = stage(x, 16)` becomes `x = stage(x, 32)`", "`x = stage(x, 32)` becomes `x = stage(x, 48)`", "`x = stage(x, 32)` becomes `x = stage(x, 64)`"},
		"RK":  {"`x = stage(x, 16)` becomes `x = stage(x, 8)`", "`x = stage(x, 16)` becomes `x = stage(x, 12)`", "`x = stage(x, 32)` becomes `x = stage(x, 16)`", "`x = stage(x, 32)` becomes `x = stage(x, 24)`"},
		"AMN": {"`x = relu(dense(x, 40))` becomes `x = relu(dense(x, 60))`", "`x = relu(dense(x, 40))` becomes `x = relu(dense(x, 80))`"},
		"RN":  {"`x = relu(dense(x, 40))` becomes `x = relu(dense(x, 20))`", "`x = relu(dense(x, 40))` becomes `x = relu(dense(x, 30))`"},
		"RCL": {"the line `h = relu(batch_norm(conv(h, filters, kernel = 3)))` goes"},
		"RDL": {"the line `x = relu(dense(x, 40))` goes"},
		"ADL": {"before `return dense(x, classes)` a new line `x = relu(dense(x, 64))`"},
		"AD":  {"before `return dense(x, classes)` a new line `x = dropout(x, rate = 0.2)`"},
		"AWI": {"`h = relu(batch_norm(conv(x, filters, kernel = 3)))` becomes `h = relu(batch_norm(conv(x, filters, kernel = 3, init = \"glorot_normal\")))`", "`h = relu(batch_norm(conv(h, filters, kernel = 3)))` becomes `h = relu(batch_norm(conv(h, filters, kernel = 3, init = \"glorot_normal\")))`"},
		"RSC": {""},
	} {
		got := map[string]bool{}
		for seed := range uint64(200) {
			got[hint(code, stages, false, rand.New(rand.NewPCG(seed, 1)))] = true
		}
		for _, w := range want {
			if !got[w] {
				t.Errorf("%s: never %q", code, w)
			}
			delete(got, w)
		}
		for g := range got {
			t.Errorf("%s: %q", code, g)
		}
	}
}

// What a hint says can be done: the program with it is valid and another one.
func TestHintsWork(t *testing.T) {
	task := Task{Input: arch.Shape{16, 16, 1}, Classes: 10}
	before := parse(t, stages, task)
	for code := range hints {
		for seed := range uint64(20) {
			h := hint(code, stages, false, rand.New(rand.NewPCG(seed, 2)))
			quoted := strings.Split(h, "`")
			line, changed := quoted[1], ""
			switch {
			case strings.HasSuffix(h, " goes"):
			case strings.HasPrefix(h, "behind "):
				changed = line + "\n    " + quoted[3]
			case strings.HasPrefix(h, "before "):
				changed = quoted[3] + "\n    " + line
			default:
				changed = quoted[3]
			}
			if after := parse(t, strings.Replace(stages, line, changed, 1), task); same(before, after) {
				t.Errorf("%s: %q changes nothing", code, h)
			}
		}
	}
}

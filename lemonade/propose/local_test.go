package propose

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestRealModel plays whole rounds with the model that OPENAI_BASE_URL and
// OPENAI_MODEL name and counts how many end in a program of the model's own that
// is valid and new. It is slow, so it runs only where LEMONADE_TEST_ROUNDS says
// how many rounds; LEMONADE_TEST_SEED varies them.
func TestRealModel(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("LEMONADE_TEST_ROUNDS"))
	if rounds == 0 {
		t.Skip("set LEMONADE_TEST_ROUNDS, OPENAI_BASE_URL and OPENAI_MODEL to play rounds with a language model")
	}
	p, err := New("openai", Options{})
	if err != nil {
		t.Fatal(err)
	}
	asked := [][]string{{}, {"ACL", "AMK"}, {"RK", "AD"}, {"ASC"}, {"AMK"}, {"RCL"}, {"ACL", "AR"}, {"ADL", "AWI"}, {"RK", "RR"}, {"ASC", "AMK"}}
	seed, _ := strconv.ParseInt(os.Getenv("LEMONADE_TEST_SEED"), 10, 64)
	own := 0
	s := &study{t: t, task: cifar, objective: balanced(t), seed: seed, verbose: true}
	for i := range rounds {
		commands := asked[i%len(asked)]
		if len(s.history) == 1 {
			s.add(residual)
		}
		r := s.request(commands...)
		if i%2 == 0 && len(s.history) > 1 { // of two kinds of parents: the model's own and this one
			r.Parent = &s.history[1]
		}
		start := time.Now()
		out, err := s.ask(context.Background(), p, r)
		if errors.As(err, new(*CallError)) {
			t.Logf("round %d %v: %v", i+1, commands, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if out.State == trial.Complete {
			own++
		}
		t.Logf("round %d %v on trial %d: %s after %d answers in %s", i+1, commands, out.Parent, out.State, len(out.Attempts), time.Since(start).Round(time.Second))
	}
	t.Logf("%d of %d rounds ended in a program of the model's own", own, rounds)
	if own*2 < rounds {
		t.Errorf("fewer than half of the rounds ended in a program of the model's own")
	}
}

const residual = `def block(x, filters, stride = 1):
    h = relu(batch_norm(conv(x, filters, kernel = 3, stride = stride)))
    h = batch_norm(conv(h, filters, kernel = 3))
    if stride != 1 or x.shape[-1] != filters:
        x = batch_norm(conv(x, filters, kernel = 1, stride = stride))
    return relu(h + x)

def network(x, classes):
    x = relu(batch_norm(conv(x, 32, kernel = 3)))
    for i, filters in enumerate([32, 64, 128]):
        x = block(x, filters, stride = 1 if i == 0 else 2)
    return dense(global_avg_pool(x), classes)
`

package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
)

//go:embed peer_profile.py
var profilePeer string

// profile tells where XLA spends a training step of a network, and what its
// convolutions and an LSTM take beside oneDNN's, as Markdown. JAX has the engine's flags
// and its gradient by a convolution's kernel here, so that its step is made alike.
func (o options) profile(ctx context.Context, name string) (string, error) {
	program, err := programOf(name)
	if err != nil {
		return "", err
	}
	before := load()
	cmd := exec.CommandContext(ctx, o.python, "-c", jaxPeer+profilePeer, of(name), fmt.Sprint(program.Recipe.BatchSize))
	cmd.Env = append(append(os.Environ(), evaluate.Tuning()...), "XLA_FLAGS="+engine.CPUFlags,
		"OMP_WAIT_POLICY=PASSIVE", "KMP_BLOCKTIME=0") // threads that spin would count as the other library's time
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("the profile: %w", err)
	}
	_, out, _ = bytes.Cut(out, []byte("\n")) // the peer's "ready"
	return fmt.Sprintf("%s\n%s, %s, batch %d; load before and after %.1f, %.1f.\n",
		out, machine(), time.Now().UTC().Format(time.DateOnly), program.Recipe.BatchSize, before, load()), nil
}

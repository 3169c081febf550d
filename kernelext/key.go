package kernelext

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/lemo-nade/lemonade/kernelext/internal/ask"
)

// Key sees to it that the environment variable of that name, such as OPENAI_API_KEY,
// holds a key. One that is set is left as it is. Otherwise the key is asked for and
// not shown: by a notebook whose front end can answer, or at a terminal. Where nobody
// is there to ask, the error says which variable to set.
//
// The key is in the environment of this process and nowhere else. The kernel
// "Go (Lemonade)" has it for the cells after this one too, until it ends, and takes it
// out of whatever they show.
func Key(ctx context.Context, variable string) error {
	if strings.TrimSpace(os.Getenv(variable)) != "" {
		return nil
	}
	prompt := ask.KeyPrompt(variable)
	if ask.KeyOf(prompt) != variable {
		return fmt.Errorf("key: %q is not the name of a variable for one, such as OPENAI_API_KEY", variable)
	}
	put, ok := ask.Somebody(os.Stderr)
	if !ok {
		return fmt.Errorf("key: %s is not set, and nobody is there to ask: set it in the environment", variable)
	}
	key, err := put(ctx, prompt, true)
	if err != nil {
		return fmt.Errorf("key: no %s was given: %w", variable, err)
	}
	if !ask.Key.MatchString(key) {
		return fmt.Errorf("key: what was given for %s is empty or has spaces in it: that is no key", variable)
	}
	return os.Setenv(variable, key)
}

// askKey asks for the key of that variable where somebody is there to ask; "" is none.
// Otherwise the proposer says what it lacks, and what would do without.
func askKey(ctx context.Context, variable string) error {
	if _, ok := ask.Somebody(os.Stderr); variable == "" || !ok {
		return nil
	}
	return Key(ctx, variable)
}

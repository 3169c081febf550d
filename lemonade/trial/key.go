package trial

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Key returns the trial_key of a job on an engine: what decides whether two
// trials are the same experiment. It covers the canonical network, the recipe,
// the data, the budget, the seed, the precision, the versions of language and
// engine, and whether the test split is read. A change of recipe alone is another
// trial.
func Key(j Job, engine string) (string, error) {
	b, err := json.Marshal(struct {
		Network   string
		Recipe    arch.Recipe
		Data      string
		Epochs    int
		Seed      int64
		Precision string
		Language  int
		Engine    string
		Test      bool `json:",omitempty"` // left out where it is off, as in keys that are older
	}{j.Network.Hash(), j.Recipe, j.Data.Fingerprint, j.Budget.Epochs, j.Seed, j.Precision, arch.Language, engine, j.Test})
	if err != nil {
		return "", fmt.Errorf("trial key: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

package jupyter

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadNotebook(t *testing.T) {
	for _, test := range []struct {
		name, first string
		want        Notebook
	}{
		{"nothing", "", Notebook{}},
		{"title alone", "# One *word*", Notebook{Title: "One word"}},
		{"text at once", "# A lesson\nWhat is `x`? It is shown.", Notebook{Title: "A lesson", About: "What is x?"}},
		{"no end", "# A lesson\n\n![picture](a.png) of\n[a link](b.html) without end", Notebook{Title: "A lesson", About: "picture of a link without end"}},
		{"no table", "# A lesson\n\nSee. Settings are for later.\n\n", Notebook{Title: "A lesson", About: "See."}},
		{
			"settings", "# A lesson\n\nAbout **0.5 percent** of it.\n\n| `LEMONADE_OTHER` | a table before | |\n\n**Settings**, by environment:\n\n" +
				"| variable | what | default |\n|---|---|---|\n| `LEMONADE_TRIALS` | how many rounds | 6 |\n|`OPENAI_API_KEY`, `GEMINI_API_KEY`| a key |\n\n| `LEMONADE_LATER` | another table | |\n",
			Notebook{Title: "A lesson", About: "About 0.5 percent of it.", Settings: []Setting{
				{"LEMONADE_TRIALS", "how many rounds", "6"}, {"OPENAI_API_KEY", "a key", ""}, {"GEMINI_API_KEY", "a key", ""},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, source := range []any{test.first, []string{test.first}} { // both are in use
				text, err := json.Marshal(map[string]any{"cells": []any{map[string]any{"cell_type": "markdown", "source": source}}})
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "a.ipynb")
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
				got, err := ReadNotebook(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

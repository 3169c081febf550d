package propose

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPriceTable(t *testing.T) {
	models := Models()
	for _, p := range providers {
		defaults := map[string]bool{}
		for _, m := range models {
			if m.Provider == p.name && m.Default {
				defaults[m.Name] = true
			}
		}
		if len(defaults) != 1 || !defaults[defaultModel(p.name)] {
			t.Errorf("%s has the defaults %v", p.name, defaults)
		}
		if listPrice(p.name, defaultModel(p.name), time.Now()) == nil {
			t.Errorf("the default of %s has no price today", p.name)
		}
	}
	open := map[string]bool{} // names with a row that does not run out: none may follow
	for _, m := range models {
		if m.Prompt <= 0 || m.Answer < m.Prompt || !strings.HasPrefix(m.Source, "https://") || m.Date == "" {
			t.Errorf("%s: %+v is not a sourced price", m.Name, m)
		}
		if open[m.Name] {
			t.Errorf("%s: a row stands behind one that does not run out", m.Name)
		}
		open[m.Name] = m.Until == ""
	}
	if defaultModel("nobody") != "" {
		t.Error("a default for nobody")
	}
	models[0].Name = "changed"
	if Models()[0].Name == "changed" {
		t.Error("the table can be changed from outside")
	}
}

func TestListPrice(t *testing.T) {
	for _, c := range []struct {
		provider, model, day string
		want                 *Price
	}{
		{"openai", "gpt-6-luna", "2026-11-24", &Price{0.10, 0.50}},
		{"openai", "gpt-6-luna-2026-09-22", "2026-11-24", &Price{0.10, 0.50}},
		{"openai", "gpt-6-luna-fast", "2026-11-24", nil},
		{"openai", "gpt-6-luna2", "2026-11-24", nil},
		{"openai", "gpt-6", "2026-11-24", nil},
		{"openai", "", "2026-11-24", nil},
		{"openai", "gemini-3.5-flash", "2026-11-24", nil},
		{"gemini", "gemini-3.5-flash", "2026-11-24", &Price{1.50, 9.00}},
		{"gemini", "models/gemini-3.5-flash", "2026-11-24", &Price{1.50, 9.00}},
		{"gemini", "gemini-3.5-flash-lite", "2026-11-24", &Price{0.30, 2.50}},
		{"gemini", "gemini-3.8-flash", "2026-12-31", &Price{0.75, 3.75}},
		{"gemini", "gemini-3.8-flash", "2027-01-01", &Price{1.50, 7.50}},
	} {
		if diff := cmp.Diff(c.want, listPrice(c.provider, c.model, day(t, c.day))); diff != "" {
			t.Errorf("%s %s on %s (-want +got):\n%s", c.provider, c.model, c.day, diff)
		}
	}
}

func TestPriceOf(t *testing.T) {
	const google = "https://generativelanguage.googleapis.com"
	for _, c := range []struct {
		name  string
		given Options
		env   string
		want  *Price
	}{
		{"from the table", Options{Model: "gpt-6-luna", BaseURL: openAIProvider.base}, "", &Price{0.10, 0.50}},
		{"of another provider's table", Options{Model: "gpt-6-luna", BaseURL: google}, "", nil},
		{"unknown", Options{Model: "gpt-77", BaseURL: openAIProvider.base}, "", nil},
		{"at another endpoint", Options{Model: "gpt-6-luna", BaseURL: "https://llm.example.org/v1"}, "", nil},
		{"on this machine", Options{Model: "gpt-6-luna", BaseURL: "http://127.0.0.1:8080/v1"}, "", nil},
		{"environment before the table", Options{Model: "gpt-6-luna", BaseURL: openAIProvider.base}, " 0.25 / 2.00 ", &Price{0.25, 2}},
		{"environment on this machine", Options{Model: "qwen", BaseURL: "http://localhost:8080/v1"}, "0/0.1", &Price{0, 0.1}},
		{"option before all", Options{Model: "gpt-6-luna", BaseURL: openAIProvider.base, Price: &Price{3, 4}}, "0.25/2", &Price{3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(priceVar, c.env)
			got, err := c.given.price(day(t, "2026-11-24"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPriceFaults(t *testing.T) {
	for _, text := range []string{"1", "1/", "/2", "a/b", "1/2/3", "-1/2", "1/NaN", "Inf/1"} {
		t.Setenv(priceVar, text)
		if _, err := (Options{Model: "m"}).price(time.Now()); err == nil || !strings.Contains(err.Error(), priceVar) {
			t.Errorf("%s=%s: error %v", priceVar, text, err)
		}
	}
	t.Setenv(priceVar, "")
	for _, p := range []Price{{-1, 0}, {0, math.NaN()}, {math.Inf(1), 1}} {
		if _, err := (Options{Price: &p}).price(time.Now()); err == nil || !strings.Contains(err.Error(), "Options.Price") {
			t.Errorf("%v: error %v", p, err)
		}
	}
	const row = "models:\n  - name: m\n    provider: openai\n    prompt: 1\n    answer: 2\n    source: https://example.org\n"
	if _, err := parseModels([]byte(row + "    date: 2026-11-24\n")); err != nil {
		t.Errorf("a good table: %v", err)
	}
	for name, text := range map[string]string{
		"no date":       row,
		"bad until":     row + "    date: 2026-11-24\n    until: soon\n",
		"unknown field": row + "    date: 2026-11-24\n    colour: red\n",
		"negative":      strings.Replace(row, "prompt: 1", "prompt: -1", 1) + "    date: 2026-11-24\n",
		"no source":     strings.Replace(row, "source: https://example.org", "date: 2026-11-24", 1),
	} {
		if _, err := parseModels([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

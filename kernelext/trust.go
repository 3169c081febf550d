package kernelext

import (
	"fmt"
	"html"
	"strings"

	forecasts "github.com/lemo-nade/lemonade/lemonade/forecast"
)

// trust says how well the study's forecasts ranked what was then measured, "" where there
// were too few to tell.
func (v View) trust() string {
	if len(v.Trials.Complete()) < forecasts.Enough+forecasts.LeastTrials {
		return ""
	}
	all := v.assess
	if all == nil {
		all = func() []forecasts.Trust { return forecasts.Assess(v.Trials, v.Objective) }
	}
	var parts []string
	trials := 0
	for _, t := range all() {
		if t.Trials < forecasts.LeastTrials || t.Kendall == nil || t.Spearman == nil {
			continue
		}
		trials = t.Trials
		parts = append(parts, fmt.Sprintf("%s Kendall's tau %.2f, Spearman's rho %.2f", words(t.Metric), *t.Kendall, *t.Spearman))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("forecasts of %d trials, each made from those before it, against what was measured (1 is the right order, 0 chance): %s", trials, strings.Join(parts, "; "))
}

func (v View) trustHTML() string {
	text := v.trust()
	if text == "" {
		return ""
	}
	return fmt.Sprintf(`<p style="font-size:12px;opacity:.8;margin:4px 0">%s</p>`, html.EscapeString(text))
}

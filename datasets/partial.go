package datasets

import "fmt"

// partialMend says how to take a copy as it is.
const partialMend = "--partial (Options.Partial in Go) takes the copy as it is, and marks the study"

// Partial is the mark of a copy that has fewer samples than were published, such as
// "partial: 10,000 of 50,000", and "" for a whole one.
func (i Info) Partial() string {
	if i.Published == 0 {
		return ""
	}
	return "partial: " + i.share()
}

func (i Info) share() string {
	return fmt.Sprintf("%s of %s", thousands(i.Train+i.Test), thousands(i.Published))
}

// partialNote tells of a copy that was taken all the same.
func (i Info) partialNote(samples string) string {
	return fmt.Sprintf("%s %s are here; results are not comparable with published ones", i.Partial(), samples)
}

// refused is the error of a copy that is not taken, because of what is missing.
func (i Info) refused(samples string, missing error) error {
	return fmt.Errorf("%s %s: the rest is missing (%w)", i.share(), samples, missing)
}

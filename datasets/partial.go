package datasets

import "fmt"

// partialMend says how to take a copy as it is.
const partialMend = "--partial (Options.Partial in Go) takes the copy as it is, and marks the study"

// accept refuses a copy that has fewer samples than were published, unless it is to be
// taken all the same: then it is marked. where says what is missing.
func accept(info *Info, notes *[]string, have, published int, noun, where string, partial bool) error {
	if have >= published {
		return nil
	}
	if !partial {
		return fmt.Errorf("%s of %s %s: the rest is missing (%s): %s", thousands(have), thousands(published), noun, where, partialMend)
	}
	info.Published = published
	*notes = append(*notes, fmt.Sprintf("partial: %s of %s %s are here; results are not comparable with published ones", thousands(have), thousands(published), noun))
	return nil
}

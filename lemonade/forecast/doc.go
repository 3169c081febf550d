// Package forecast says, before a network is trained, what its training and its
// measurement will probably give, from what a study has measured so far. It is a small
// model, fitted anew in milliseconds, and it says how far it is to be trusted.
//
// # What it looks at
//
// [Describe] turns a program into numbers that any network has (see the table in
// features.go): how much it computes and holds, of which kinds its layers are, and what
// the paths from its input to its output are like: how many there are, how many layers
// with weights the longest, the shortest and the mean path have, how many of those see
// more than one pixel, and how often a path is pooled without getting smaller. A
// residual network has a long longest path and a short shortest one, and behaves like
// the many networks of medium length between them (Veit and others 2016,
// https://arxiv.org/abs/1605.06431). Features of paths describe a network better to a
// forecast than its list of operations does (White and others 2021, BANANAS,
// https://arxiv.org/abs/1910.11858; the review of 31 such forecasts by White and
// others 2021, https://arxiv.org/abs/2104.01177). Of a program with choices, what is
// taken of each is looked at too, and of the recipe its numbers.
//
// # The model
//
// Each metric has a Gaussian process (Rasmussen and Williams 2006) over the standardised
// features: few trials are enough for it, and it knows what it does not know. The kernel
// is a Matérn one of smoothness 5/2, with a linear part. Length, linear part and noise
// are those of a small grid under which what was measured is the most likely. A metric
// is forecast as the logarithm of what is to be small: of the error 1 − accuracy, of a
// cost, of the time for one sample. Nothing is drawn at random: a history always gives
// the same forecast.
//
// # What it is for
//
// [Forecast.Improvement] is by how much a network can be expected to enlarge the
// hypervolume of the front (Emmerich, Giannakoglou and Naujoks 2006), by which a
// proposer chooses among candidates. [Forecast.Hopeless] says that a network is dominated
// in all likelihood, so that a training can be spared. [Assess] replays a history and
// tells how well the forecasts that were possible before each trial ranked what was then
// measured.
package forecast

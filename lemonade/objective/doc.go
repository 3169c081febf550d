// Package objective says what a search is after and how well a trial does it.
//
// A person states wants: metrics, each with a priority and perhaps a target or
// a hard limit. From them follow
//
//   - the combined effectiveness of one trial, a number in [0, 1] ([Objective.Score]);
//   - the hard limits, which a network breaks or holds ([Objective.Infeasible]);
//   - the Pareto front of a study and its hypervolume ([Objective.Front],
//     [Objective.Hypervolume]).
//
// The papers behind Lemonade name a combined metric and three objective
// settings, but their formula and weights could not be read. So every formula,
// weight and reference point here is our own, chosen to be plain, and is
// documented where it stands.
//
// # Effectiveness
//
// The score is Π nᵢ^wᵢ, the weighted geometric mean: no want can be bought off
// with another, as it could in a sum, by which a network that costs nothing and
// is never right scores as much as the one the study began with. The weights wᵢ
// are 3, 2 and 1 for a high, medium and low priority, divided by their sum. Each
// nᵢ = r/(1+r) compares a value with an anchor, where r is how many times better
// than the anchor it is:
//
//	value/anchor                          where more is better (throughput)
//	anchor/value                          where less is better (energy, latency, size …)
//	value/(1−value) ÷ anchor/(1−anchor)   for a fraction right (accuracy): the ratio of the odds
//
// So n is 1/2 at the anchor, grows with every improvement, nears 1 without ever
// being full for a cost above zero, and does not depend on the unit; where every
// want is at its anchor, the score is 1/2 too. A
// fraction has a natural scale from 0 to 1, on which a ratio of the values
// would hardly tell 98 % from 99 %; the odds tell them apart by a factor of two,
// are 0 for a network that is never right and n = 1 for one that always is.
//
// The anchor is the want's target, else the measurement of the study's first
// complete trial. It is fixed once ([Objective.Fix]) and stored with the study,
// so a score never changes afterwards. A trial of which a wanted metric is
// unknown has no score; it is never scored as if the value were 0.
package objective

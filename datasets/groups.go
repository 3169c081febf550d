package datasets

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
)

// shares are those of the parts, by their number.
var shares = [3]float64{partTrain: 0.6, partValidation: 0.2, partTest: 0.2}

// splitGroups returns the part of each sample, such that samples of one group are in
// the same, and each part has its share of each class as nearly as the groups allow.
//
// The largest group comes first, and groups of one size in the order of a hash of their
// names. Each goes where its samples are lacking most: where the sum over them of the
// share of their class that the part still lacks is the largest.
func splitGroups(groups []string, labels []int32, classes int) []part {
	counts, total := map[string][]float64{}, make([]float64, classes)
	sizes := map[string]int{}
	for i, g := range groups {
		if counts[g] == nil {
			counts[g] = make([]float64, classes)
		}
		counts[g][labels[i]]++
		total[labels[i]]++
		sizes[g]++
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(-cmp.Compare(sizes[a], sizes[b]), cmp.Compare(hashOf(a), hashOf(b)), cmp.Compare(a, b))
	})
	var filled [3][]float64
	for p := range filled {
		filled[p] = make([]float64, classes)
	}
	where := map[string]part{}
	for _, g := range order {
		best, most := partTrain, 0.0
		for p := range filled {
			need := 0.0
			for class, n := range counts[g] {
				if n > 0 {
					need += n * (1 - filled[p][class]/(shares[p]*total[class]))
				}
			}
			if p == 0 || need > most {
				best, most = part(p), need
			}
		}
		where[g] = best
		for class, n := range counts[g] {
			filled[best][class] += n
		}
	}
	parts := make([]part, len(groups))
	for i, g := range groups {
		parts[i] = where[g]
	}
	return parts
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) //nolint:errcheck // never fails
	return mix(h.Sum64(), saltTest)
}

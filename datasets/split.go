package datasets

import (
	"cmp"
	"slices"
)

// splitVersion is part of every fingerprint and grows when a split changes.
const splitVersion = 1

// The salts keep the orders of the three draws apart from one another.
const (
	saltTest       uint64 = 1
	saltValidation uint64 = 2
	saltFit        uint64 = 3
)

// stratify orders the given indices into labels (nil is all) so that in every
// prefix each class has its share: to within one sample where classes are of
// like size, to within two where they are very unequal.
//
// Within a class the order follows a hash of the index. The r-th of a class's m
// samples (from 0) then stands at the position (r+½)/m, and the samples of all
// classes are merged by position. Integers alone decide, so the order is the
// same on every machine.
func stratify(labels []int32, indices []int32, salt uint64) []int32 {
	if indices == nil {
		indices = make([]int32, len(labels))
		for i := range indices {
			indices[i] = int32(i)
		}
	}
	byClass := map[int32][]int32{}
	for _, i := range indices {
		byClass[labels[i]] = append(byClass[labels[i]], i)
	}
	type place struct {
		index, label int32
		num, den     int64 // position
	}
	places := make([]place, 0, len(indices))
	for label, members := range byClass {
		slices.SortFunc(members, func(a, b int32) int {
			return cmp.Or(cmp.Compare(mix(uint64(a), salt), mix(uint64(b), salt)), cmp.Compare(a, b))
		})
		for r, i := range members {
			places = append(places, place{i, label, 2*int64(r) + 1, 2 * int64(len(members))})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.num*b.den, b.num*a.den), cmp.Compare(a.label, b.label))
	})
	order := make([]int32, len(places))
	for k, p := range places {
		order[k] = p.index
	}
	return order
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, 2014), applied to
// the index after as many steps of the generator as the salt says.
func mix(index, salt uint64) uint64 {
	z := index + salt*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

package arch

import "math"

// What an architecture program may ask for.
const (
	MaxSource   = 256 << 10   // bytes of program text; enough to print MaxNodes operations
	MaxSteps    = 1_000_000   // steps of the Starlark interpreter
	MaxNodes    = 2_000       // operations, unused ones included
	MaxDepth    = 1_000       // operations on a path from the input
	MaxParams   = 200_000_000 // trainable values of a network
	MaxElements = 1 << 24     // elements of one sample's tensor
	MaxRank     = 8           // axes of one sample's tensor
	MaxDim      = 1 << 20     // size of one axis, and the largest whole-number argument
	MaxClasses  = 1 << 16     // classes of a task
	maxShare    = 64          // bytes of a share name
)

// satMul returns the product of non-negative factors, or the largest int64
// where that is more.
func satMul(factors ...int64) int64 {
	p := int64(1)
	for _, f := range factors {
		if f == 0 {
			return 0
		}
		if p > math.MaxInt64/f {
			p = math.MaxInt64
			continue
		}
		p *= f
	}
	return p
}

// satAdd returns the sum of two non-negative numbers, or the largest int64.
func satAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// elements is [Shape.Size] without overflow.
func elements(s Shape) int64 {
	n := int64(1)
	for _, d := range s {
		n = satMul(n, int64(d))
	}
	return n
}

package arch

import (
	"fmt"
	"math"
	"slices"
)

// The checks that several shape rules share. Their errors say what would be right.

func isImage(x Shape) error {
	if len(x) == 3 {
		return nil
	}
	err := fmt.Errorf("needs an image [H W C], got %v", x)
	switch {
	case len(x) == 2:
		err = fmt.Errorf("%w; for a sequence there are conv1d, max_pool1d and avg_pool1d", err)
		if side := int(math.Sqrt(float64(x[0]))); side*side == x[0] {
			return fmt.Errorf("%w; or write reshape(x, [%d, %d, %d]) first", err, side, side, x[1])
		}
		return fmt.Errorf("%w; or reshape it to three axes first", err)
	case len(x) == 1:
		return fmt.Errorf("%w; use it before flatten or global pooling, or dense here", err)
	}
	return err
}

func isSequence(x Shape, name string) error {
	if len(x) == 2 {
		return nil
	}
	err := fmt.Errorf("needs a sequence [T C] as its %s, got %v", name, x)
	switch len(x) {
	case 3:
		return fmt.Errorf("%w; write reshape(x, [%d, %d]) first", err, satMul(int64(x[0]), int64(x[1])), x[2])
	case 1:
		return fmt.Errorf("%w; use it before flatten or global pooling, or write reshape(x, [1, %d]) first", err, x[0])
	}
	return err
}

// hasAxes checks that x has at least n axes.
func hasAxes(x Shape, n int) error {
	if len(x) >= n {
		return nil
	}
	return fmt.Errorf("needs at least %d axes, got %v", n, x)
}

// negativeAxis returns an axis counted from the end.
func negativeAxis(x Shape, axis int) (int, error) {
	n := len(x)
	if axis >= 0 {
		axis -= n
	}
	if axis < -n || axis >= 0 {
		if n == 0 {
			return 0, fmt.Errorf("%v has no axes", x)
		}
		return 0, fmt.Errorf("%v has no axis %d; use %d to %d, the batch axis is not counted", x, axisAsGiven(axis, n), -n, n-1)
	}
	return axis, nil
}

func axisAsGiven(axis, n int) int {
	if axis >= 0 {
		return axis + n
	}
	return axis
}

// negativeAxes returns the axes counted from the end, ascending, each once; all
// where attrs has none.
func negativeAxes(x Shape, a Attrs, name string) error {
	var out []int
	given, ok := a[name].([]int)
	if !ok {
		for i := -len(x); i < 0; i++ {
			out = append(out, i)
		}
	}
	for _, axis := range given {
		n, err := negativeAxis(x, axis)
		if err != nil {
			return err
		}
		if slices.Contains(out, n) {
			return fmt.Errorf("axis %d is named twice in %v", axis, given)
		}
		out = append(out, n)
	}
	slices.Sort(out)
	a[name] = out
	return nil
}

// broadcast returns the shape of an elementwise operation on a and b.
func broadcast(a, b Shape) (Shape, error) {
	n := max(len(a), len(b))
	out := make(Shape, n)
	for i := 1; i <= n; i++ {
		x, y := 1, 1
		if i <= len(a) {
			x = a[len(a)-i]
		}
		if i <= len(b) {
			y = b[len(b)-i]
		}
		if x != y && x != 1 && y != 1 {
			return nil, fmt.Errorf("cannot combine %v and %v: axis %d is %d and %d; the sizes must be equal or one of them 1", a, b, -i, x, y)
		}
		out[n-i] = max(x, y)
	}
	return out, nil
}

func divisors(n int) []int { return commonDivisors(n, n) }

// commonDivisors lists the smaller ones, for error messages.
func commonDivisors(a, b int) []int {
	var out []int
	for d := 1; d <= min(a, b) && len(out) < 12; d++ {
		if a%d == 0 && b%d == 0 {
			out = append(out, d)
		}
	}
	return out
}

// dividesChannels checks that the last axis can be split into groups.
func dividesChannels(x Shape, groups int) error {
	if c := last(x); c%groups != 0 {
		return fmt.Errorf("groups = %d does not divide the %d channels of %v; use one of %v", groups, c, x, divisors(c))
	}
	return nil
}

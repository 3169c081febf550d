//go:build !race

package datasets

const racing = false

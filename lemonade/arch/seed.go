package arch

import (
	"fmt"
	"strings"
)

// Seed returns the program from which a search without an LLM starts: for an
// image, three convolutions with batch normalisation and global pooling, sized
// to the image; for a text, an embedding, a convolution along time and pooling that
// leaves padding out; for a sequence or a vector, two dense layers. Every
// program is valid for its input.
func Seed(in Input, classes int) string {
	if IsText(in) {
		return seedText
	}
	input, _ := in.reads()
	if len(input) != 3 {
		return seedDense(input)
	}
	small := min(input[0], input[1])
	filters := []int{32, 64, 128}
	if small <= 16 {
		filters = []int{16, 32, 64}
	}
	var b strings.Builder
	b.WriteString(`def block(x, filters, stride = 1):
    return relu(batch_norm(conv(x, filters, kernel = 3, stride = stride, bias = False)))

def network(x, classes):
`)
	first := 1
	for size := small; size > 48; size /= 2 { // large images shrink at once
		first *= 2
	}
	for i, f := range filters {
		stride := ""
		if i == 0 && first > 1 {
			stride = fmt.Sprintf(", stride = %d", first)
		}
		fmt.Fprintf(&b, "    x = block(x, %d%s)\n", f, stride)
		if i < len(filters)-1 && small>>(i+1) >= 4 {
			b.WriteString("    x = max_pool(x, 2)\n")
		}
	}
	b.WriteString("    return dense(global_avg_pool(x), classes)\n")
	return b.String()
}

// seedText counts phrases of three words, as the mean of its filters' answers: on
// reviews that learns from fewer texts than their largest answers do (Kim 2014).
const seedText = `def network(x, classes):
    mask = token_mask(x)
    x = embedding(x, 64)
    x = relu(layer_norm(conv1d(x, 64, kernel = 3)))
    x = dropout(global_avg_pool(x, mask), 0.3)
    return dense(x, classes)
`

func seedDense(input Shape) string {
	end := "x"
	if len(input) > 1 {
		end = "global_avg_pool(x)"
	}
	return fmt.Sprintf(`def network(x, classes):
    x = relu(dense(x, 128))
    x = relu(dense(x, 128))
    return dense(%s, classes)
`, end)
}

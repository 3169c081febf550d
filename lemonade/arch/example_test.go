package arch_test

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

func ExampleParse() {
	program, err := arch.Parse(`
def unit(x, filters):
    return relu(batch_norm(conv(x, filters, kernel = 3, bias = False)))

def network(x, classes):
    for filters in [16, 32]:
        x = max_pool(unit(x, filters), 2)
    return dense(global_avg_pool(x), classes)

def recipe():
    return training(learning_rate = 0.2)
`, arch.Shape{8, 8, 1}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(program.Network.Summary())
	fmt.Println(program.Recipe.LearningRate)
	// Output:
	// Layer              Output    Params  MACs    Connected to
	// --------------------------------------------------------------
	// input              [8 8 1]   0       0
	// conv_1             [8 8 16]  144     9,216   input
	// batch_norm_1       [8 8 16]  32      0       conv_1
	// relu_1             [8 8 16]  0       0       batch_norm_1
	// max_pool_1         [4 4 16]  0       0       relu_1
	// conv_2             [4 4 32]  4,608   73,728  max_pool_1
	// batch_norm_2       [4 4 32]  64      0       conv_2
	// relu_2             [4 4 32]  0       0       batch_norm_2
	// max_pool_2         [2 2 32]  0       0       relu_2
	// global_avg_pool_1  [32]      0       0       max_pool_2
	// dense_1            [10]      330     320     global_avg_pool_1
	// --------------------------------------------------------------
	// Parameters         5,178
	// MACs               83,264 per sample
	// Model              21,096 bytes at float32
	// Activations        8,192 bytes at most, for one sample
	// Depth              11
	// 0.2
}

func ExampleParse_error() {
	_, err := arch.Parse(`
def network(x, classes):
    h = conv(x, 32, stride = 2)
    return dense(global_avg_pool(h + x), classes)
`, arch.Shape{32, 32, 3}, 10)
	fmt.Println(err)
	// Output:
	// model.star:4:36: add: cannot combine [16 16 32] and [32 32 3]: axis -1 is 32 and 3; the sizes must be equal or one of them 1
}

func ExampleBuild() {
	n, err := arch.Build(arch.Shape{8, 8, 1}, 10, []arch.Node{
		{Op: "input"},
		{Op: "conv", Inputs: []int{0}, Attrs: arch.Attrs{"filters": 16}},
		{Op: "relu", Inputs: []int{1}},
		{Op: "global_avg_pool", Inputs: []int{2}},
		{Op: "dense", Inputs: []int{3}, Attrs: arch.Attrs{"units": 10}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(arch.Print(n, arch.DefaultRecipe))
	// Output:
	// def network(x, classes):
	//     x = conv(x, 16, kernel = 3)
	//     x = relu(x)
	//     x = global_avg_pool(x)
	//     return dense(x, classes)
}

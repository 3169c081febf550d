package arch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// What is Python, PyTorch or Keras but not the architecture language, and what
// to write instead.

// rewrite is a hint for source text that matches.
type rewrite struct {
	pattern *regexp.Regexp
	hint    string // with ${1} for groups
}

func rw(pattern, hint string) rewrite { return rewrite{regexp.MustCompile(pattern), hint} }

// syntaxRewrites are looked up for the line of a syntax error; the first wins.
var syntaxRewrites = []rewrite{
	rw("```", "write the program alone, without Markdown fences"),
	rw(`^(import|from)\b`, "there are no imports: all operations and math are there already, leave the line out"),
	rw(`^class\b`, "there are no classes: write functions, def block(x, filters): ..."),
	rw(`^@\w+`, "there are no decorators, leave the line out"),
	rw(`(\w+)\s*\[\s*(?:(?::|\.\.\.)\s*,\s*)+(-?\w+)\s*:\s*(-?\w+)\s*\]`, "write slice(${1}, start = ${2}, stop = ${3}, axis = -1)"),
	rw(`(\w+)\s*\[\s*(?:(?::|\.\.\.)\s*,\s*)+(-?\w+)\s*:\s*\]`, "write slice(${1}, start = ${2}, axis = -1)"),
	rw(`(\w+)\s*\[\s*(?:(?::|\.\.\.)\s*,\s*)+:\s*(-?\w+)\s*\]`, "write slice(${1}, start = 0, stop = ${2}, axis = -1)"),
	rw(`(\w+)\s*\[[^\]]*(?::|\.\.\.)[^\]]*,|(\w+)\s*\[[^\]]*,[^\]]*:`, "tensors are not indexed: write slice(x, start = 0, stop = 16, axis = -1)"),
	rw(`\.\.\.`, "write pass for an empty body, and slice(x, start = 0, stop = 16, axis = -1) for part of a tensor"),
	rw(`\b2\s*\*\*\s*([\w.]+)`, "there is no ** operator: write (1 << ${1})"),
	rw(`([\w.\]\[]+)\s*\*\*\s*2\b`, "there is no ** operator: write square(${1}) for a tensor and ${1} * ${1} for a number"),
	rw(`([\w.\]\[]+)\s*\*\*\s*0\.5\b`, "there is no ** operator: write sqrt(${1}) for a tensor and math.sqrt(${1}) for a number"),
	rw(`([\w.]+)\s*\*\*\s*([\w.]+)`, "there is no ** operator: write int(math.pow(${1}, ${2})) for numbers, or products"),
	rw(`\b[fF]["']`, `there are no f-strings: write "a%d" % i`),
	rw(`([\w.]+)\s*@\s*([\w.]+)\.(?:T|transpose\(\))`, "there is no @ operator: write matmul(${1}, ${2}, transpose_b = True)"),
	rw(`([\w.]+)\s*@\s*([\w.]+)`, "there is no @ operator: write matmul(${1}, ${2})"),
	rw(`@`, "there is no @ operator: write matmul(a, b)"),
	rw(`^def\s+\w+\s*\(.*:.*\)|^def\s.*->`, "there are no annotations: write def block(x, filters, stride = 1):"),
	rw(`^\w+\s*:\s*[\w\[\], .]+=`, "there are no annotations: write name = value"),
	rw(`^(try|except|finally|raise|with)\b`, "there are no exceptions: leave try and raise out, and check x.shape with if"),
	rw(`^(global|nonlocal)\b`, "pass values as arguments and return them"),
	rw(`^assert\b`, "there is no assert: leave it out, shapes are checked"),
	rw(`^del\b`, "there is no del: leave it out"),
	rw(`^async\b|\bawait\b|\byield\b`, "return a list instead"),
	rw(`:=`, "assign on a line of its own"),
	rw(`\bis not\b`, "write != instead of is not"),
	rw(`\bis\b`, "write == instead of is"),
	rw(`[\[(]\s*\*\w+|,\s*\*\w+\s*[\])]`, "write list(x) + [more] instead of [*x, more]"),
	rw(`\w\s+for\s.+\)`, "there are no generators: write a list comprehension in [ ]"),
	rw(`\d_\d`, "write numbers without underscores"),
	rw(`[“”‘’]`, `write straight quotes "`),
}

// syntaxHint looks the line of a syntax error up.
func syntaxHint(line, msg string) string {
	for _, r := range syntaxRewrites {
		if m := r.pattern.FindStringSubmatchIndex(line); m != nil {
			return string(r.pattern.ExpandString(nil, r.hint, line, m))
		}
	}
	switch {
	case strings.Contains(msg, "associate"):
		return "write a < b and b < c"
	case strings.Contains(msg, "got end of file"), strings.Contains(msg, "got newline, want ','"), strings.Contains(msg, "got newline, want ')'"):
		return "the text ends too early: close every bracket and finish every function"
	case strings.Contains(msg, "outdent") || strings.Contains(msg, "indent"):
		return "indent every block by four spaces"
	case strings.Contains(msg, "string literal"):
		return "close every string"
	}
	return "write plain Python: functions, assignments, if, for, return"
}

// nameHints are for names that are not defined.
var nameHints = map[string]string{
	"sum":           "there is no sum: add in a loop, total = 0, for v in values: total += v; of a tensor use mean(x, axis = -1) times the size",
	"round":         "there is no round: write int(x + 0.5)",
	"pow":           "write math.pow(a, b), or square(x) of a tensor",
	"map":           "write a list comprehension, [f(v) for v in values]",
	"filter":        "write a list comprehension, [v for v in values if v > 0]",
	"isinstance":    "write type(x) == \"int\"",
	"self":          "there are no classes: pass values as arguments",
	"super":         "there are no classes: write functions",
	"nn":            "there are no modules: call operations by their names, such as conv(x, 32) and dense(x, classes)",
	"np":            "there is no numpy: use lists, math, and the operations",
	"Sequential":    "call one operation after the other: x = relu(conv(x, 32))",
	"Model":         "return the output tensor from network(x, classes)",
	"Input":         "the input is the argument x of network(x, classes)",
	"relu6":         "write minimum(relu(x), 6.0)",
	"clip":          "write minimum(maximum(x, 0.0), 6.0)",
	"bidirectional": "write lstm(x, 64, direction = \"both\")",
	"Bidirectional": "write lstm(x, 64, direction = \"both\")",
	"iter":          "loop with for",
	"next":          "loop with for",
}

func init() {
	for _, name := range []string{"separable_conv", "separable_conv2d", "SeparableConv2D"} {
		nameHints[name] = "write conv(depthwise_conv(x, kernel = 3), filters, kernel = 1)"
	}
	for _, name := range []string{"torch", "F", "tf", "keras", "layers", "jax", "flax", "mx"} {
		nameHints[name] = nameHints["nn"]
	}
	nameHints["numpy"] = nameHints["np"]
}

// synonyms are other libraries' names of operations.
var synonyms = map[string]string{
	"conv2d": "conv", "convolution": "conv", "conv1x1": "conv",
	"depthwiseconv2d": "depthwise_conv", "depthwise": "depthwise_conv", "linear": "dense", "fc": "dense", "fully_connected": "dense",
	"bn": "batch_norm", "batchnorm": "batch_norm", "batchnorm2d": "batch_norm", "batch_normalization": "batch_norm", "batchnormalization": "batch_norm",
	"layernorm": "layer_norm", "layer_normalization": "layer_norm", "layernormalization": "layer_norm", "ln": "layer_norm",
	"groupnorm": "group_norm", "gn": "group_norm", "maxpool": "max_pool", "maxpool2d": "max_pool", "max_pool2d": "max_pool", "maxpooling2d": "max_pool",
	"max_pooling": "max_pool", "avgpool": "avg_pool", "avgpool2d": "avg_pool", "average_pool": "avg_pool", "avg_pool2d": "avg_pool", "averagepooling2d": "avg_pool",
	"gap": "global_avg_pool", "global_average_pool": "global_avg_pool", "global_average_pooling": "global_avg_pool", "globalaveragepooling2d": "global_avg_pool",
	"adaptive_avg_pool": "global_avg_pool", "adaptiveavgpool2d": "global_avg_pool", "global_pool": "global_avg_pool", "globalmaxpooling2d": "global_max_pool",
	"swish": "silu", "hswish": "hard_swish", "hardswish": "hard_swish", "hsigmoid": "hard_sigmoid", "hardsigmoid": "hard_sigmoid",
	"leakyrelu": "leaky_relu", "mha": "attention", "multi_head_attention": "attention", "multiheadattention": "attention",
	"self_attention": "attention", "cat": "concat", "concatenate": "concat", "stack": "concat", "permute": "transpose", "view": "reshape",
	"chunk": "split", "upsampling2d": "upsample", "resize": "upsample", "interpolate": "upsample", "stochastic_depth": "drop_path", "droppath": "drop_path",
	"multiply": "mul", "subtract": "sub", "divide": "div", "reduce_mean": "mean", "reduce_max": "max", "shuffle": "channel_shuffle",
	"param": "parameter", "variable": "parameter", "bmm": "matmul", "dot": "matmul", "einsum": "matmul",
	"shortcut": "add", "unsqueeze": "reshape", "squeeze": "reshape", "expand_dims": "reshape", "elu": "silu", "selu": "silu", "mish": "silu", "prelu": "leaky_relu",
	"convolution1d": "conv1d", "temporal_conv": "conv1d", "causal_conv": "conv1d", "maxpool1d": "max_pool1d", "maxpooling1d": "max_pool1d",
	"avgpool1d": "avg_pool1d", "averagepooling1d": "avg_pool1d", "globalaveragepooling1d": "global_avg_pool", "globalmaxpooling1d": "global_max_pool",
	"bilstm": "lstm", "bi_lstm": "lstm", "bigru": "gru", "rnn": "gru", "embed": "embedding", "token_embedding": "embedding", "embedding_bag": "embedding",
	"positional_encoding": "positional_embedding", "positionalencoding": "positional_embedding", "position_embedding": "positional_embedding",
	"pos_embedding": "positional_embedding", "padding_mask": "token_mask", "attention_mask": "token_mask", "make_mask": "token_mask", "masking": "token_mask",
	"activation": "relu", "zeros": "parameter", "ones": "parameter", "recipe": "training", "optimizer": "training",
}

// nameError explains an error of the resolver.
func nameError(msg string) string {
	name, undefined := strings.CutPrefix(msg, "undefined: ")
	if !undefined {
		switch {
		case strings.Contains(msg, "while loops"):
			return "syntax: there is no while loop; write for i in range(n): and break"
		case strings.Contains(msg, "load statement"):
			return "syntax: " + msg + "; there are no imports: leave the line out"
		}
		return "name: " + msg
	}
	name, _, _ = strings.Cut(name, " ")
	if hint := nameHints[name]; hint != "" {
		return fmt.Sprintf("name: %s is not defined; %s", name, hint)
	}
	hint := didYouMean(name)
	if hint == "" {
		hint = "; define it first, or use an operation of the list"
	}
	return fmt.Sprintf("name: %s is not defined%s", name, hint)
}

// maxName is the longest name that is compared with those that there are: the
// comparison is quadratic.
const maxName = 40

// didYouMean names the operations that are nearest to an unknown one.
func didYouMean(name string) string {
	plain := strings.ToLower(name)
	if s, ok := synonyms[plain]; ok {
		return "; write " + s
	}
	plain = strings.ReplaceAll(plain, "_", "")
	if len(plain) > maxName {
		return ""
	}
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, op := range opNames {
		if d := levenshtein.ComputeDistance(plain, strings.ReplaceAll(op, "_", "")); d <= max(1, len(plain)/3) {
			found = append(found, near{op, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	if len(found) > 3 {
		found = found[:3]
	}
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// methodHints are for methods of other libraries' tensors.
var methodHints = map[string]string{
	"view": "reshape(x, [8, 8, 32])", "reshape": "reshape(x, [8, 8, 32])", "size": "x.shape[-1]", "flatten": "flatten(x)",
	"permute": "transpose(x, [1, 0])", "transpose": "transpose(x, [1, 0])", "T": "transpose(x)", "mean": "mean(x, axis = -1)",
	"max": "max(x, axis = -1)", "sum": "mean(x, axis = -1) times the size", "unsqueeze": "reshape(x, [1] + list(x.shape))", "squeeze": "reshape(x, [x.shape[-1]])",
	"chunk": "split(x, 2)", "split": "split(x, 2)", "pow": "square(x)", "sqrt": "sqrt(x)", "exp": "exp(x)", "abs": "abs(x)",
	"relu": "relu(x)", "sigmoid": "sigmoid(x)", "softmax": "softmax(x)", "matmul": "matmul(a, b)", "add": "a + b", "mul": "a * b",
	"channels": "x.shape[-1]", "height": "x.shape[0]", "width": "x.shape[1]", "C": "x.shape[-1]", "H": "x.shape[0]", "W": "x.shape[1]",
	"expand": "x * parameter(shape), or nothing: operators broadcast", "repeat": "concat([x, x], axis = -1)", "clone": "x: tensors never change",
}

func methodHint(name string) string {
	if h := methodHints[name]; h != "" {
		return "write " + h
	}
	if op, ok := opIndex[name]; ok {
		return "write " + op.Signature()
	}
	return "call operations as functions, such as relu(x)"
}

// foreignArgument says what to do about an argument of another library.
func foreignArgument(op *Op, name string) string {
	switch name {
	case "activation", "act", "nonlinearity":
		return fmt.Sprintf(": write relu(%s(...))", op.Name)
	case "in_channels", "in_features", "input_shape", "input_dim", "name", "data_format", "inplace", "dtype", "training", "momentum", "affine":
		return ": leave it out"
	case "bidirectional":
		return ": write direction = \"both\""
	case "num_layers":
		return ": call it once for each layer"
	case "padding_idx", "mask_zero", "vocabulary", "vocab_size", "num_embeddings", "input_size", "batch_first", "max_len":
		return ": leave it out, x knows it"
	case "kernel_regularizer", "weight_decay":
		return ": weight decay belongs to training(weight_decay = 5e-4) in recipe()"
	case "normalization", "norm", "batch_norm", "bn":
		return fmt.Sprintf(": write batch_norm(%s(...))", op.Name)
	case "dropout", "dropout_rate", "attention_dropout":
		return ": write dropout(x, 0.1) after it"
	}
	for i := range op.Args {
		if len(name) <= maxName && levenshtein.ComputeDistance(name, op.Args[i].Name) <= 2 {
			return fmt.Sprintf(", did you mean %q?", op.Args[i].Name)
		}
	}
	return ""
}

// runtimeRewrites are for errors of running programs: the message, the source
// line where it matters, and what to say instead, with ${1} for groups of the
// line, or of the message where there is no line.
var runtimeRewrites = []struct {
	message, line *regexp.Regexp
	hint          string
}{
	{indexed, regexp.MustCompile(`(\w+)\s*\[\s*(-?\w+)\s*:\s*(-?\w+)\s*\]`), "tensor: is not indexed; write slice(${1}, start = ${2}, stop = ${3}, axis = -1)"},
	{indexed, regexp.MustCompile(`(\w+)\s*\[\s*:\s*(-?\w+)\s*\]`), "tensor: is not indexed; write slice(${1}, start = 0, stop = ${2}, axis = -1)"},
	{indexed, regexp.MustCompile(`(\w+)\s*\[\s*(-?\w+)\s*:\s*\]`), "tensor: is not indexed; write slice(${1}, start = ${2}, axis = -1)"},
	{indexed, nil, "tensor: is not indexed; write slice(x, start = 0, stop = 16, axis = -1), or x.shape[-1] for a size"},
	{regexp.MustCompile(`tensor.*not iterable|cannot iterate.*tensor`), nil, "tensor: is not a list; write split(x, parts) for a list of tensors"},
	{regexp.MustCompile(`value of type tensor has no len`), nil, "tensor: has no len; write x.shape[0]"},
	{regexp.MustCompile(`tensor (<|>|<=|>=) |(<|>|<=|>=) tensor`), nil, "tensor: cannot be compared; write relu(x), maximum(a, b) or minimum(a, b)"},
	{regexp.MustCompile(`too many steps`), nil, fmt.Sprintf("program: takes more than %d steps; a loop runs too often, use fewer repetitions", MaxSteps)},
	{regexp.MustCompile(`function (` + strings.Join(opNames, "|") + `) called recursively`), nil, "program: your function ${1} hides the operation ${1}; give it another name"},
	{regexp.MustCompile(`(.*called recursively.*)`), nil, "program: ${1}; write a for loop instead of recursion"},
	{regexp.MustCompile(`invalid call of non-function \(tensor\)`), nil, "program: a tensor is called like a function; write relu(conv(x, 32)), not conv(x, 32)(x)"},
	{regexp.MustCompile(`invalid call of non-function \(module\)`), nil, "program: math is a module; write math.sqrt(2.0)"},
	{regexp.MustCompile(`(.*before assignment.*)`), nil, "program: ${1}; assign it on every path before it is used"},
	{regexp.MustCompile(`(unknown binary op: .*(?:string \+|\+ string).*)`), nil, "program: ${1}; write \"a%d\" % i or str(i)"},
	{regexp.MustCompile(`load not implemented`), nil, "program: there are no imports: all operations and math are there already, leave load out"},
}

// indexed are the errors of x[0] and x[0:16].
var indexed = regexp.MustCompile(`unhandled index operation tensor|invalid slice operand tensor`)

// runtimeError explains an error of a running program.
func runtimeError(msg, line string) string {
	for _, r := range runtimeRewrites {
		m := r.message.FindStringSubmatchIndex(msg)
		if m == nil {
			continue
		}
		if r.line == nil {
			return string(r.message.ExpandString(nil, r.hint, msg, m))
		}
		if m := r.line.FindStringSubmatchIndex(line); m != nil {
			return string(r.line.ExpandString(nil, r.hint, line, m))
		}
	}
	if knownPrefix(msg) {
		return msg
	}
	return "program: " + msg
}

// knownPrefix reports whether a message names its operation already.
func knownPrefix(msg string) bool {
	name, _, ok := strings.Cut(msg, ": ")
	if !ok {
		return false
	}
	_, isOp := opIndex[name]
	return isOp || name == "tensor" || name == "training" || name == "choice"
}

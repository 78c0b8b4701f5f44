// Shows the neural frame where the engine's camera sees the level, in two ways, whose lines main.gd puts in for the *_MODE words:
// the surface of a portal, opaque; or a quad over the whole screen that reads what the engine has drawn, and its depth.
// The functions named DreamportXxx are those of shaders/DreamportComposite.hlsl, translated by the test.
shader_type spatial;
render_mode RENDER_MODE;

uniform sampler2D frame_colour;
uniform sampler2D frame_depth;
uniform vec2 frame_size;
uniform float depth_near;
uniform vec3 frame_position;
uniform vec4 frame_orientation;
uniform vec4 frame_intrinsics;
uniform mat4 world_to_anchor;
uniform float near_plane;
uniform float far_plane;

// DREAMPORT FUNCTIONS

vec3 level_vector(vec3 world, float w)
{
	return DreamportLevelFromGodot((world_to_anchor * vec4(world, w)).xyz);
}

// A texel of the depth picture, whose two bytes lie in red and green.
float inverse_at(vec2 texel)
{
	vec2 bytes = texelFetch(frame_depth, ivec2(clamp(texel, vec2(0.0), frame_size - 1.0)), 0).rg * 255.0;
	return (bytes.r + bytes.g * 256.0) / 65535.0;
}

// A texel of the colour picture as it is coded. Not by texelFetch, for which Godot's textures decode sRGB.
vec3 colour_at(vec2 texel)
{
	return textureLod(frame_colour, (texel + 0.5) / frame_size, 0.0).rgb;
}

void vertex()
{
	VERTEX_MODE
}

void fragment()
{
	vec4 on_screen = INV_PROJECTION_MATRIX * vec4(SCREEN_UV * 2.0 - 1.0, 1.0, 1.0);
	vec3 world_ray = (CAMERA_MATRIX * vec4(normalize(on_screen.xyz / on_screen.w), 0.0)).xyz;
	vec3 viewer = level_vector(CAMERA_MATRIX[3].xyz, 1.0);
	vec3 ray = level_vector(world_ray, 0.0);
	vec3 forward = level_vector(-CAMERA_MATRIX[2].xyz, 0.0);

	vec4 found = DreamportPortal(viewer, viewer + ray, frame_orientation, frame_intrinsics, frame_size);
	for (int i = 0; i < 2; i++)
	{
		float there = DreamportMetresFromInverse(inverse_at(floor(found.xy * frame_size)), depth_near);
		found = DreamportReprojected(found, there, viewer, ray, frame_position, frame_orientation, frame_intrinsics, frame_size);
	}

	vec4 texels = DreamportTexels(found.xy, frame_size);
	vec2 right = texels.xy + vec2(1.0, 0.0);
	vec2 below = texels.xy + vec2(0.0, 1.0);
	vec2 across = texels.xy + vec2(1.0, 1.0);
	vec4 four = vec4(inverse_at(texels.xy), inverse_at(right), inverse_at(below), inverse_at(across));
	vec4 weights = DreamportTexelWeights(four, texels.zw, 0.1);
	vec3 coded = weights.x * colour_at(texels.xy) + weights.y * colour_at(right) + weights.z * colour_at(below)
			+ weights.w * colour_at(across);
	vec4 neural = vec4(DreamportLinear(coded), 1.0) * found.w;

	float metres = DreamportMetresFromInverse(dot(weights, four), depth_near);
	if (metres < 1.0e19)
	{
		vec3 shown = DreamportLevelPoint(found.xy, metres, frame_position, frame_orientation, frame_intrinsics, frame_size);
		metres = dot(shown - viewer, forward);
	}

	FRAGMENT_MODE
}

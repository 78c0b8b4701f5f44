# Shows the default world in a real engine: on a portal with a cube in front, composited by depth, and steered by a scripted button.
# The test (tests/test_godot.py) starts this with DREAMPORT_ADDRESS and DREAMPORT_OUT in the environment and reads what it leaves in
# that folder: pictures, and report.json with what they show.
extends Spatial

const Things = preload("res://things.gd")
const PORTAL = {
	"RENDER_MODE": "unshaded, cull_disabled",
	"VERTEX_MODE": "",
	"FRAGMENT_MODE": "ALBEDO = neural.rgb;",
}
const COMPOSITE = {
	"RENDER_MODE": "unshaded, skip_vertex_transform, depth_test_disable, depth_draw_never, cull_disabled",
	"VERTEX_MODE": "POSITION = vec4(VERTEX.xy, 0.0, 1.0);",
	"FRAGMENT_MODE": """
	float device = texture(DEPTH_TEXTURE, SCREEN_UV).r;
	float in_front = DreamportInFront(metres, DreamportMetresFromDevice(device, near_plane, far_plane, false, 1.0), 0.0, 0.01);
	vec4 engine = vec4(textureLod(SCREEN_TEXTURE, SCREEN_UV, 0.0).rgb, 1.0);
	ALBEDO = DreamportComposite(engine, neural, in_front, 1.0, true).rgb;
""",
}
const EYE = 1.28 # metres above the floor in the default world
const OPENING = Vector2(3.3, 2.25) # metres of the portal, which stands on the floor 3 m before the camera at rest
const SEEN_THROUGH_PORTAL = [Vector3(13.5, 0.8625, 7.5), -130.0] # a place in the level and a heading, degrees to the right
const SEEN_IN_HALL = [Vector3(12, 0.8625, -5), -120.0]
const READY = 2 # DP_STATE_READY
const FAILED = 4 # DP_STATE_FAILED
const FORWARD = 1 # the default world's first button
const PATIENCE_MS = 20000

var native: GDNative
var loaded = false
var frame = {}
var report = {"pictures": {}}
var colour_texture = ImageTexture.new()
var depth_texture = ImageTexture.new()
var materials = []
var anchor = Transform.IDENTITY
var camera_drives = false
var takes_frames = true

onready var camera: Camera = $Camera


func _enter_tree():
	var eye = Camera.new()
	eye.name = "Camera"
	eye.fov = rad2deg(2 * atan(96.0 / 160.0)) # that of the world's own camera, whose frames are 320x192
	eye.near = 0.1
	eye.far = 60.0
	eye.translation = Vector3(0, EYE, 0)
	add_child(eye)


func _ready():
	native = GDNative.new()
	native.library = load("res://dreamport.gdnlib")
	loaded = native.initialize()
	if not loaded:
		return end(false, "the native library does not load")
	play()


func call_core(name: String, arguments: Array = []) -> Array:
	return native.call_native("standard_varcall", "dreamport_" + name, arguments)


func end(good: bool, message: String = ""):
	set_process(false)
	report["good"] = good
	report["message"] = message
	if loaded:
		report["closed"] = call_core("close")[0]
		native.terminate()
	var file = File.new()
	file.open(OS.get_environment("DREAMPORT_OUT") + "/report.json", File.WRITE)
	file.store_string(JSON.print(report))
	file.close()
	get_tree().quit(0 if good else 1)


# ---------------------------------------------------------------- every frame


func _process(_delta):
	if camera_drives:
		call_core("look_from", numbers(anchor) + numbers(camera.global_transform))
	if takes_frames:
		take_frame()


func take_frame():
	var got = call_core("frame")
	if got[0] != 0:
		return
	frame = {
		"id": got[1], "sequence": got[2], "applied_camera": got[3], "applied_buttons": got[4], "width": got[5], "height": got[6],
		"depth_near": got[7], "intrinsics": got.slice(8, 11), "position": got.slice(12, 14), "orientation": got.slice(15, 18),
		"camera": Transform(Basis(Quat(got[22], got[23], got[24], got[25])), Vector3(got[19], got[20], got[21])),
		"depth": got[27],
	}
	upload(colour_texture, Image.FORMAT_RGBA8, got[26])
	upload(depth_texture, Image.FORMAT_RG8, got[27])
	for material in materials:
		describe_frame(material)


func upload(texture: ImageTexture, format: int, bytes: PoolByteArray):
	var image = Image.new()
	image.create_from_data(frame.width, frame.height, false, format, bytes)
	if texture.get_width() == frame.width:
		texture.set_data(image)
	else:
		texture.create_from_image(image, 0) # no filtering, no mipmaps: the shader filters


func describe_frame(material: ShaderMaterial):
	material.set_shader_param("frame_size", Vector2(frame.width, frame.height))
	material.set_shader_param("depth_near", frame.depth_near)
	material.set_shader_param("frame_position", Vector3(frame.position[0], frame.position[1], frame.position[2]))
	var q = frame.orientation
	material.set_shader_param("frame_orientation", Plane(q[0], q[1], q[2], q[3]))
	var i = frame.intrinsics
	material.set_shader_param("frame_intrinsics", Plane(i[0], i[1], i[2], i[3]))
	material.set_shader_param("world_to_anchor", anchor.affine_inverse())


func numbers(transform: Transform) -> Array:
	var q = transform.basis.get_rotation_quat()
	var p = transform.origin
	return [p.x, p.y, p.z, q.x, q.y, q.z, q.w]


# ---------------------------------------------------------------- waiting


func frames_later(count: int):
	var last = frame.get("id", -1) + count
	var deadline = OS.get_ticks_msec() + PATIENCE_MS
	while frame.get("id", -1) < last:
		if OS.get_ticks_msec() > deadline:
			yield(give_up("no frame in %d s; %s" % [PATIENCE_MS / 1000, call_core("status")[4]]), "completed")
		yield(get_tree(), "idle_frame")


# Until the frame on the screen was made for where the camera is now, and the world has had time to sharpen it.
func frames_of_this_place():
	camera_drives = true
	takes_frames = true
	yield(frames_later(1), "completed")
	var deadline = OS.get_ticks_msec() + PATIENCE_MS
	while away() > 0.002:
		if OS.get_ticks_msec() > deadline:
			yield(give_up("frames came, but none for the camera's pose"), "completed")
		yield(frames_later(1), "completed")
	yield(frames_later(6), "completed")


# How far the frame's camera stands and looks from the engine's: metres, plus radians.
func away() -> float:
	var between = (anchor * frame.camera).affine_inverse() * camera.global_transform
	return between.origin.length() + 2 * acos(min(1, abs(between.basis.get_rotation_quat().w)))


# Ends the run; whoever waits here waits for good.
func give_up(why: String):
	end(false, why)
	yield(get_tree().create_timer(1e6), "timeout")


func picture(name: String, about: Dictionary = {}):
	yield(get_tree(), "idle_frame")
	yield(VisualServer, "frame_post_draw")
	var image = get_viewport().get_texture().get_data()
	image.flip_y()
	image.convert(Image.FORMAT_RGB8)
	image.save_png(OS.get_environment("DREAMPORT_OUT") + "/" + name + ".png")
	about["frame"] = frame_facts()
	about["camera"] = numbers(camera.global_transform)
	about["anchor"] = numbers(anchor)
	report.pictures[name] = about


# The frame on the screen, and its pixels in two more files.
func frame_facts() -> Dictionary:
	var name = "frame-%d" % frame.id
	colour_texture.get_data().save_png(OS.get_environment("DREAMPORT_OUT") + "/" + name + ".png")
	var file = File.new()
	file.open(OS.get_environment("DREAMPORT_OUT") + "/" + name + ".depth", File.WRITE)
	file.store_buffer(frame.depth)
	file.close()
	var facts = frame.duplicate()
	facts.erase("depth")
	facts["camera"] = numbers(frame.camera)
	return facts


# ---------------------------------------------------------------- what is in the scene


func neural_material(mode: Dictionary) -> ShaderMaterial:
	var file = File.new()
	file.open("res://neural.shader", File.READ)
	var code = file.get_as_text()
	for word in mode:
		code = code.replace(word, mode[word])
	var shader = Shader.new()
	shader.code = code
	var material = ShaderMaterial.new()
	material.shader = shader
	material.set_shader_param("frame_colour", colour_texture)
	material.set_shader_param("frame_depth", depth_texture)
	material.set_shader_param("near_plane", camera.near)
	material.set_shader_param("far_plane", camera.far)
	materials.append(material)
	describe_frame(material)
	return material


# ---------------------------------------------------------------- the play


func play():
	report["opened"] = call_core("open", [OS.get_environment("DREAMPORT_ADDRESS"), 0])[0]
	yield(frames_later(5), "completed")
	report["transport"] = call_core("status")[3]
	yield(portal(), "completed")
	yield(depth_composite(), "completed")
	yield(steering(), "completed")
	report["statistics"] = call_core("statistics")
	end(true)


# Puts the level into the scene so that the camera, at rest, sees it from this place.
func put_level(seen_from: Array):
	var at = seen_from[0]
	var in_level = Transform(Basis(Vector3.UP, deg2rad(-seen_from[1])), Vector3(at.x, -at.y, -at.z))
	anchor = Transform(Basis.IDENTITY, Vector3(0, EYE, 0)) * in_level.affine_inverse()


func portal():
	put_level(SEEN_THROUGH_PORTAL)
	var room = Spatial.new()
	add_child(room)
	Things.surround(room, Color(0.16, 0.19, 0.27), Color(0.5, 0.6, 1.0), 0.25)
	Things.add_light(room, Vector3(-52, 38, 0), 0.55, true)
	for x in range(-6, 7):
		for z in range(-10, 2):
			var tile = Things.paint(Color(0.72, 0.7, 0.66) if (x + z) % 2 == 0 else Color(0.52, 0.51, 0.5))
			Things.add_box(room, Vector3(1, 0.1, 1), tile, Vector3(x, -0.05, z))
	var glow = Things.paint(Color(0.1, 0.75, 0.95), 0.9)
	for side in [-1, 1]:
		Things.add_box(room, Vector3(0.08, OPENING.y + 0.08, 0.14), glow, Vector3(side * (OPENING.x / 2 + 0.04), OPENING.y / 2 + 0.04, -3))
	Things.add_box(room, Vector3(OPENING.x, 0.08, 0.14), glow, Vector3(0, OPENING.y + 0.04, -3))
	Things.add_quad(room, OPENING, neural_material(PORTAL), Vector3(0, OPENING.y / 2, -3))
	var shine = OmniLight.new()
	shine.light_color = glow.albedo_color
	shine.translation = Vector3(0, 1.2, -2.4)
	room.add_child(shine)
	var cube = Things.add_box(room, Vector3(0.6, 0.6, 0.6), Things.paint(Color(0.95, 0.42, 0.08)), Vector3(0.75, 0.3, -2.35))
	cube.rotation_degrees = Vector3(0, 28, 0)
	var ball_mesh = SphereMesh.new()
	ball_mesh.radius = 0.22
	ball_mesh.height = 0.44
	var ball = Things.add_mesh(room, ball_mesh, Things.paint(Color(0.93, 0.92, 0.88)), Vector3(-1.15, 0.22, -2.2))

	camera.translation = Vector3(-0.15, EYE, 0.3)
	yield(frames_of_this_place(), "completed")
	takes_frames = false
	yield(picture("portal", {"cube": on_screen(cube.translation + Vector3(0, 0.18, 0)), "portal": corners()}), "completed")
	cube.visible = false
	ball.visible = false
	yield(picture("portal-alone", {"portal": corners()}), "completed")
	cube.visible = true
	ball.visible = true
	camera.translation = Vector3(0.5, EYE + 0.1, 0.1)
	camera.rotation_degrees = Vector3(0, 14, 0)
	yield(frames_of_this_place(), "completed")
	takes_frames = false
	cube.visible = false
	ball.visible = false
	yield(picture("portal-from-the-side", {"portal": corners()}), "completed")
	cube.visible = true
	ball.visible = true
	yield(measure_rate(), "completed")
	materials.clear()
	room.queue_free()
	yield(get_tree(), "idle_frame")


# Engine frames and neural frames a second while the camera sways.
func measure_rate():
	takes_frames = true
	var began = OS.get_ticks_msec()
	var first = frame.id
	var drawn = 0
	while OS.get_ticks_msec() < began + 3000:
		var phase = (OS.get_ticks_msec() - began) / 1000.0
		camera.translation = Vector3(0.3 * sin(phase), EYE, 0.3)
		camera.rotation_degrees = Vector3(0, 6 * sin(phase), 0)
		yield(get_tree(), "idle_frame")
		drawn += 1
	var seconds = (OS.get_ticks_msec() - began) / 1000.0
	report["engine_fps"] = drawn / seconds
	report["neural_fps"] = (frame.id - first) / seconds


func on_screen(at: Vector3) -> Array:
	var pixel = camera.unproject_position(at)
	return [pixel.x, pixel.y]


func corners() -> Array:
	var result = []
	for corner in [Vector2(-0.5, 0), Vector2(0.5, 0), Vector2(0.5, 1), Vector2(-0.5, 1)]:
		var at = corner * OPENING
		result.append(on_screen(Vector3(at.x, at.y, -3)))
	return result


func depth_composite():
	put_level(SEEN_IN_HALL)
	var stage = Spatial.new()
	add_child(stage)
	Things.surround(stage, Color(0.2, 0.2, 0.2), Color(1, 0.95, 0.9), 0.15)
	Things.add_light(stage, Vector3(-48, 30, 0), 0.55, true)
	camera.translation = Vector3(0, EYE, 0)
	camera.rotation_degrees = Vector3.ZERO
	var screen = Things.add_quad(stage, Vector2(2, 2), neural_material(COMPOSITE), Vector3.ZERO)
	screen.extra_cull_margin = 16384
	yield(frames_of_this_place(), "completed")
	takes_frames = false
	yield(picture("composite"), "completed")
	var things = exhibits(stage)
	yield(picture("composite-exhibits"), "completed")
	things.free()

	var wall = flattest_place()
	var ray = camera.project_ray_normal(wall.pixel)
	ray /= -ray.z # of length 1 along the camera's axis, which is -z here
	var cube = Things.add_box(stage, Vector3.ONE * 0.36, Things.paint(Color(0.95, 0.42, 0.08)), Vector3.ZERO)
	for place in [["behind", 0.8], ["before", -0.8]]:
		cube.translation = camera.translation + ray * (wall.metres + place[1])
		var about = {"cube": on_screen(cube.translation), "metres": wall.metres + place[1], "wall": wall.metres}
		yield(picture("composite-cube-" + place[0] + "-the-wall", about), "completed")
	materials.clear()
	stage.queue_free()
	yield(get_tree(), "idle_frame")


# A beam that runs through the corner of the hall, a ball that looks out from behind it, a cube before it.
func exhibits(stage: Spatial) -> Spatial:
	var things = Spatial.new()
	stage.add_child(things)
	var from = Vector3(-2.7, 1.2, -3.0)
	var to = Vector3(0.35, 1.6, -4.9)
	var beam = Things.add_box(things, Vector3(0.14, 0.14, from.distance_to(to)), Things.paint(Color(0.9, 0.75, 0.1)), Vector3.ZERO)
	beam.look_at_from_position((from + to) / 2, to, Vector3.UP)
	var ball = SphereMesh.new()
	ball.radius = 0.5
	ball.height = 1.0
	Things.add_mesh(things, ball, Things.paint(Color(0.1, 0.75, 0.9)), Vector3(0.2, 1.0, -6.4))
	var cube = Things.add_box(things, Vector3.ONE * 0.5, Things.paint(Color(0.95, 0.42, 0.08)), Vector3(-0.65, 0.25, -2.75))
	cube.rotation_degrees = Vector3(0, 25, 0)
	return things


# The pixel of the screen around which the neural depth varies least, 1.5 to 7 m away, and that depth.
func flattest_place() -> Dictionary:
	var best = {"spread": 1e9, "metres": 4.0, "pixel": get_viewport().size / 2}
	for column in range(3, 13):
		for row in range(4, 10):
			var u = column * 20 + 10
			var v = row * 12 + 6
			var nearest = 1e9
			var farthest = 0.0
			for dx in range(-24, 25, 4):
				for dy in range(-24, 25, 4):
					var metres = metres_at(u + dx, v + dy)
					nearest = min(nearest, metres)
					farthest = max(farthest, metres)
			if nearest > 1.5 and farthest < 7.0 and farthest - nearest < best.spread:
				var pixel = Vector2(u + 0.5, v + 0.5) * get_viewport().size / Vector2(frame.width, frame.height)
				best = {"spread": farthest - nearest, "metres": metres_at(u, v), "pixel": pixel}
	return best


func metres_at(u: int, v: int) -> float:
	var at = 2 * (v * int(frame.width) + u)
	return 65535.0 * frame.depth_near / max(1, frame.depth[at] + 256 * frame.depth[at + 1])


func steering():
	camera_drives = false
	takes_frames = true
	call_core("reset")
	call_core("press", [0, 0])
	var stage = Spatial.new()
	add_child(stage)
	var screen = TextureRect.new()
	screen.texture = colour_texture
	screen.expand = true
	screen.rect_size = get_viewport().size
	stage.add_child(screen)
	yield(frames_later(8), "completed")
	while frame.applied_camera != 0:
		yield(frames_later(1), "completed")
	yield(picture("before-walking"), "completed")
	call_core("press", [FORWARD, FORWARD])
	var walked = []
	while walked.size() < 20:
		yield(frames_later(1), "completed")
		walked.append({"id": frame.id, "position": frame.position, "buttons": frame.applied_buttons})
		if not "while-walking" in report.pictures and walked_metres(walked) > 2.5:
			yield(picture("while-walking"), "completed")
	call_core("press", [0, 0])
	report["walked"] = walked
	stage.queue_free()


func walked_metres(walked: Array) -> float:
	var first = walked[0].position
	var last = walked[-1].position
	return Vector3(last[0] - first[0], last[1] - first[1], last[2] - first[2]).length()

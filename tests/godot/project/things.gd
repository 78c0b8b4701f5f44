# Meshes, paints and lights: what the scenes of main.gd are made of.
extends Reference


static func paint(colour: Color, glow: float = 0.0) -> SpatialMaterial:
	var material = SpatialMaterial.new()
	material.albedo_color = colour
	material.roughness = 0.6
	material.metallic_specular = 0.1
	if glow > 0:
		material.emission_enabled = true
		material.emission = colour
		material.emission_energy = glow
	return material


static func add_mesh(parent: Spatial, mesh: Mesh, material: Material, at: Vector3) -> MeshInstance:
	var instance = MeshInstance.new()
	instance.mesh = mesh
	instance.material_override = material
	instance.translation = at
	parent.add_child(instance)
	return instance


static func add_box(parent: Spatial, size: Vector3, material: Material, at: Vector3) -> MeshInstance:
	var mesh = CubeMesh.new()
	mesh.size = size
	return add_mesh(parent, mesh, material, at)


static func add_quad(parent: Spatial, size: Vector2, material: Material, at: Vector3) -> MeshInstance:
	var mesh = QuadMesh.new()
	mesh.size = size
	return add_mesh(parent, mesh, material, at)


static func add_light(parent: Spatial, degrees: Vector3, energy: float, shadow: bool):
	var light = DirectionalLight.new()
	light.rotation_degrees = degrees
	light.light_energy = energy
	light.shadow_enabled = shadow
	light.directional_shadow_mode = DirectionalLight.SHADOW_ORTHOGONAL
	light.directional_shadow_max_distance = 15
	parent.add_child(light)


static func surround(parent: Spatial, sky: Color, ambient: Color, energy: float):
	var environment = Environment.new()
	environment.background_mode = Environment.BG_COLOR
	environment.background_color = sky
	environment.ambient_light_color = ambient
	environment.ambient_light_energy = energy
	environment.ambient_light_sky_contribution = 0
	var world = WorldEnvironment.new()
	world.environment = environment
	parent.add_child(world)

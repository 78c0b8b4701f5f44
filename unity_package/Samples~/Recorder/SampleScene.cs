#nullable enable
using UnityEngine;
using UnityEngine.Rendering;

namespace Dreamport.Samples
{
    /// <summary>What the sample's scene is built of. Materials come from URP's own Lit shader: no pink.</summary>
    static class SampleScene
    {
        /// <summary>The main camera at a place, made if there is none, and a light.</summary>
        public static Camera CameraAndLight(Vector3 place)
        {
            var camera = Camera.main;
            if (camera == null)
            {
                var eye = new GameObject("Main Camera") { tag = "MainCamera" };
                camera = eye.AddComponent<Camera>();
            }
            camera.transform.SetPositionAndRotation(place, Quaternion.identity);
            var lamp = new GameObject("Sample light");
            lamp.transform.SetPositionAndRotation(Vector3.zero, Quaternion.Euler(50f, -30f, 0f));
            var light = lamp.AddComponent<Light>();
            light.type = LightType.Directional;
            return camera;
        }

        /// <summary>A coloured box with a collider.</summary>
        public static GameObject Box(string name, Vector3 place, Vector3 size, Color colour)
        {
            var box = GameObject.CreatePrimitive(PrimitiveType.Cube);
            box.name = name;
            box.transform.SetPositionAndRotation(place, Quaternion.identity);
            box.transform.localScale = size;
            var shader = Shader.Find("Universal Render Pipeline/Lit");
            var pipeline = GraphicsSettings.currentRenderPipeline;
            var material = shader != null ? new Material(shader) : pipeline != null ? pipeline.defaultMaterial : null;
            if (material != null)
            {
                material.color = colour;
                box.GetComponent<Renderer>().sharedMaterial = material;
            }
            return box;
        }
    }
}

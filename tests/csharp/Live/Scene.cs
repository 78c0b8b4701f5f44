#nullable enable
using System;
using System.Collections.Generic;
using System.Reflection;
using UnityEngine;
using UnityEngine.InputSystem;
using UnityEngine.Rendering;

namespace Dreamport.Live
{
    /// <summary>Plays the engine's part on stubs: calls the messages (OnEnable, Update, ...) that Unity calls.</summary>
    static class Scene
    {
        static readonly Dictionary<(Type, string), Action<object>> Messages = new Dictionary<(Type, string), Action<object>>();

        /// <summary>A new component on a new object; not yet enabled.</summary>
        public static T Make<T>(string name = "object") where T : Component, new() => new GameObject(name).AddComponent<T>();

        /// <summary>Sends a message, as Unity does. Allocates only for the first of its kind.</summary>
        public static void Send<T>(T component, string message) where T : class
        {
            if (!Messages.TryGetValue((typeof(T), message), out var call))
            {
                var method = typeof(T).GetMethod(message, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public)!;
                var typed = (Action<T>)method.CreateDelegate(typeof(Action<T>));
                Messages[(typeof(T), message)] = call = target => typed((T)target);
            }
            call(component);
        }

        /// <summary>The static messages of [RuntimeInitializeOnLoadMethod]: what a new play begins with when the domain is not reloaded.</summary>
        public static void BeginPlay() =>
            typeof(DreamportWorld).GetMethod("ResetStatics", BindingFlags.Static | BindingFlags.NonPublic)!.Invoke(null, null);

        /// <summary>Sets a serialised field, as the inspector does.</summary>
        public static void Set<T>(T component, string field, object? value) where T : class =>
            typeof(T).GetField(field, BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(component, value);

        /// <summary>Reads a serialised field.</summary>
        public static object? Get<T>(T component, string field) where T : class =>
            typeof(T).GetField(field, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(component);

        /// <summary>An empty scene: no camera, no keys, nothing logged.</summary>
        public static void Clear(GraphicsDeviceType device = GraphicsDeviceType.Vulkan)
        {
            Camera.main = null!;
            Keyboard.current = null!;
            Mouse.current = null!;
            Cursor.lockState = CursorLockMode.None;
            SystemInfo.graphicsDeviceType = device;
            Debug.StubErrors.Clear();
            Debug.StubWarnings.Clear();
            UnityEngine.Object.StubDestroyed.Clear();
        }
    }
}
